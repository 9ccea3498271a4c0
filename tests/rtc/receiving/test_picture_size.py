import struct
from fractions import Fraction

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from rtc.receiving.picture_size import frame_sizes, keyframe_size

SIZES = [(16, 16), (322, 180), (640, 360), (1280, 720), (1920, 1080)]


def encoded(codec: str, size: tuple[int, int], pixels: str, **options: str) -> list[bytes]:
    """Return a keyframe and a frame that depends on it."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = pixels
    encoder.time_base = Fraction(1, 25)
    encoder.options = options
    packets = []
    for index in range(2):
        frame = av.VideoFrame(*size, pixels)
        for plane in frame.planes:  # x264 aborts on values of more than 10 bits
            plane.update(bytes(plane.buffer_size))
        frame.pts, frame.time_base = index, Fraction(1, 25)
        packets += encoder.encode(frame)
    return [bytes(packet) for packet in packets + encoder.encode(None)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("profile", "pixels", "extra"),
    [
        ("baseline", "yuv420p", ""),
        ("main", "yuv420p", ""),
        ("high", "yuv420p", ""),
        ("high", "yuv420p", "cqm=jvt"),
        ("high", "yuv420p", "interlaced=1"),
        ("high10", "yuv420p10le", ""),
        ("high422", "yuv422p", ""),
        ("high444", "yuv444p", ""),
    ],
)
def test_the_size_of_h264_is_read_from_its_first_packet(
    size: tuple[int, int], profile: str, pixels: str, extra: str
) -> None:
    options = {"profile": profile, "tune": "zerolatency", "x264-params": extra or "aud=0"}
    frames = encoded("libx264", size, pixels, **options)
    packets = [H264Encoder._packetize(H264Encoder._split_bitstream(each)) for each in frames]
    assert keyframe_size("H264", packets[0][0]) == size
    assert [keyframe_size("H264", each) for each in packets[1]] == [None] * len(packets[1])


@pytest.mark.parametrize("size", SIZES)
def test_the_size_of_vp8_is_read_from_its_first_packet(size: tuple[int, int]) -> None:
    first, second = encoded(
        "libvpx", size, "yuv420p", deadline="realtime", **{"lag-in-frames": "0"}
    )
    start = bytes(VpxPayloadDescriptor(partition_start=1, partition_id=0, picture_id=5))
    middle = bytes(VpxPayloadDescriptor(partition_start=0, partition_id=0, picture_id=5))
    assert keyframe_size("VP8", start + first) == size
    assert keyframe_size("VP8", middle + first) is None
    assert keyframe_size("VP8", start + second) is None


@given(codec=st.sampled_from(["VP8", "H264"]), payload=st.binary(max_size=80))
def test_any_payload_has_a_size_or_none(codec: str, payload: bytes) -> None:
    for prefix in (b"", b"\x67", b"\x18\x00\x30\x67\x64"):
        size = keyframe_size(codec, prefix + payload)
        assert size is None or len(size) == 2


@pytest.mark.parametrize("size", [(0, 180), (320, 0), (0, 0)])
def test_a_picture_without_pixels_is_none(size: tuple[int, int]) -> None:
    """Layers of a simulcast are compared by the scale that fits them."""
    frame = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", *size) + bytes(20)
    start = bytes(VpxPayloadDescriptor(partition_start=1, partition_id=0, picture_id=5))
    assert keyframe_size("VP8", start + frame) is None
    with pytest.raises(ValueError, match="without a picture"):
        frame_sizes("VP8", frame)
