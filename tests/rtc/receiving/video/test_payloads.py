"""Payloads of VP8 and H.264, and numbers that wrap."""

import itertools
from contextlib import suppress
from fractions import Fraction

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from av.video.frame import PictureType
from hypothesis import given
from hypothesis import strategies as st

from rtc.receiving.video.h264 import H264Reader
from rtc.receiving.video.numbering import Numbering
from rtc.receiving.video.packet import CodedFrame
from rtc.receiving.video.references import References
from rtc.receiving.video.vp8 import read_vp8
from tests.rtc.client import clip


@given(
    start=st.integers(0, 1),
    partition=st.integers(0, 7),
    picture=st.none() | st.integers(0, 2**15 - 1),
    base=st.none() | st.integers(0, 255),
    layer=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1)),
    key=st.none() | st.integers(0, 31),
    data=st.binary(min_size=1, max_size=20),
)
def test_a_vp8_payload_is_read_as_aiortc_writes_it(
    start: int,
    partition: int,
    picture: int | None,
    base: int | None,
    layer: tuple[int, int] | None,
    key: int | None,
    data: bytes,
) -> None:
    written = bytes(VpxPayloadDescriptor(start, partition, picture, base, layer, key))
    info, starts, rest = read_vp8(written + data)
    assert rest == data
    assert starts == (start == 1 and partition == 0)
    assert info.keyframe == (starts and data[0] & 1 == 0)
    assert info.picture == picture
    both = base is not None and layer is not None
    assert (info.base, info.layer) == ((base, layer[0]) if both and layer else (None, None))
    assert info.sync == (layer is not None and layer[1] == 1)


@given(st.binary(max_size=12))
def test_any_vp8_payload_is_read_or_refused(payload: bytes) -> None:
    with suppress(ValueError):
        assert len(read_vp8(payload)[2]) < len(payload)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_h264_payload_is_read_or_refused(payloads: list[bytes]) -> None:
    reader = H264Reader()
    for payload in payloads:
        with suppress(ValueError):
            assert len(reader.read(payload).data) <= len(payload) + 8 * 4  # start codes


def h264_frames(b_frames: int = 0, count: int = 24) -> list[CodedFrame]:
    """Return frames of the clip as the reader sees them in the payloads of aiortc."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, 25), Fraction(25), 1000
    encoder.max_b_frames = b_frames
    encoder.options = {"preset": "veryfast", "b-pyramid": "none"}
    packets = []
    for index, frame in enumerate(clip()[0][:count]):
        picture = frame.reformat(320, 180, "yuv420p")
        picture.pts, picture.time_base = index, Fraction(1, 25)
        picture.pict_type = PictureType.NONE  # that of the clip would be kept
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    reader, packetizer, frames, first = H264Reader(), H264Encoder(), [], 0
    for packet in packets:
        packet.time_base = Fraction(1, 25)
        read = [reader.read(payload) for payload in packetizer.pack(packet)[0]]
        assert read[0].starts is True or read[0].info.keyframe
        assert all(not each.starts for each in read[1:] if each.shows)
        info = next(each.info for each in read if each.shows)
        last = first + len(read) - 1
        frames.append(
            CodedFrame(
                first=first,
                last=last,
                timestamp=0,
                data=b"",
                info=info,
                shows=True,
                malformed=False,
                orientation=None,
            )
        )
        first = last + 1
    return frames


def test_frame_num_of_h264_is_read() -> None:
    frames = h264_frames()
    assert [frame.info.keyframe for frame in frames] == [True] + [False] * 23
    numbers = [frame.info.number for frame in frames]
    assert numbers == [index % frames[0].info.numbers for index in range(24)]


@pytest.mark.parametrize("lost", ["discardable", "reference"])
def test_frame_num_tells_whether_a_lost_frame_was_a_reference(lost: str) -> None:
    frames = h264_frames(b_frames=2)
    discardable = [index for index, frame in enumerate(frames) if frame.info.discardable]
    assert len(discardable) > 6
    references = [index for index in range(4, 24) if index not in discardable]
    gone = discardable[2] if lost == "discardable" else references[0]
    decoder, shown = References(), list[int]()
    for index, frame in enumerate(frames):
        before = index > 0 and (not shown or shown[-1] != index - 1)
        if index != gone and decoder.ready(frame, contiguous=not before):
            decoder.decoded(frame)
            shown.append(index)
    others = [index for index in range(24) if index != gone]
    assert shown == (others if lost == "discardable" else others[:gone])


@given(start=st.integers(0, 2**16 - 1), steps=st.lists(st.integers(-1000, 2000), max_size=40))
def test_sequence_numbers_are_extended(start: int, steps: list[int]) -> None:
    numbering = Numbering()
    first = numbering.extend(start)
    assert first is not None
    highest = place = start
    for step in steps:
        place = highest + step
        extended = numbering.extend(place % 2**16)
        assert extended is not None
        assert extended - first == place - start
        highest = max(highest, place)


def test_a_source_that_begins_anew_is_believed_at_its_second_packet() -> None:
    numbering = Numbering()
    before = [numbering.extend(number) for number in (100, 101, 102)]
    assert numbering.extend(40_000) is None
    assert numbering.restarts == 0
    after = [numbering.extend(number) for number in (40_001, 40_002)]
    assert numbering.restarts == 1
    numbers = [number for number in [*before, *after] if number is not None]
    assert all(a < b for a, b in itertools.pairwise(numbers))
    assert numbering.extend(103) is None  # one that was late
