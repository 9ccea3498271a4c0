"""Payloads are what stock aiortc reads again."""

from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from rtc.sending.video.payloads import MAX_PAYLOAD, Vp8Payloads, h264_payloads
from rtc.sending.video.vp8_encoder import LayeredPicture

# A NAL unit has no start code in it and does not end in zero: ITU-T H.264 section 7.4.1.
UNITS = st.tuples(
    st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x01]), st.integers(1, 4000), st.integers(1, 255)
).map(lambda parts: bytes([parts[0]]) + bytes([parts[2]]) * parts[1])
WRAPS = (1 << 15, 256, 32)  # of the numbers of a picture, of the base layer, and of keyframes
PICTURES = st.builds(
    LayeredPicture,
    data=st.binary(min_size=1, max_size=5000),
    pts=st.just(0),
    keyframe=st.booleans(),
    layer=st.integers(0, 2),
    sync=st.booleans(),
)


@given(units=st.lists(UNITS, min_size=1, max_size=8), long=st.lists(st.booleans(), min_size=8))
def test_h264_is_read_again(units: list[bytes], long: list[bool]) -> None:
    codes = [b"\x00\x00\x00\x01" if each else b"\x00\x00\x01" for each in long]
    payloads = h264_payloads(b"".join(c + u for c, u in zip(codes, units, strict=False)))
    assert all(len(payload) <= MAX_PAYLOAD for payload in payloads)
    read = b"".join(h264_depayload(payload) for payload in payloads)
    assert read == b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


def test_small_units_of_h264_go_together() -> None:
    assert (
        len(h264_payloads(b"".join(b"\x00\x00\x01" + bytes([0x67]) + b"x" * 10 for _ in "ab"))) == 1
    )
    assert h264_payloads(b"") == []


@given(pictures=st.lists(PICTURES, min_size=1, max_size=20))
def test_vp8_is_read_again_with_its_layers(pictures: list[LayeredPicture]) -> None:
    packer = Vp8Payloads()
    before: tuple[int, int, int] | None = None
    for picture in pictures:
        payloads = packer.of(picture)
        found = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
        assert all(len(payload) <= MAX_PAYLOAD for payload in payloads)
        assert b"".join(data for _, data in found) == picture.data
        assert [each.partition_start for each, _ in found] == [1, *[0] * (len(found) - 1)]
        first = found[0][0]
        assert first.tid == (picture.layer, picture.sync)
        numbers = (first.picture_id or 0, first.tl0picidx or 0, first.keyidx or 0)
        if before is not None:
            steps = [(b - a) % wrap for a, b, wrap in zip(before, numbers, WRAPS, strict=True)]
            assert steps == [1, int(picture.layer == 0), int(picture.keyframe)]
        before = numbers
