"""The thread that decodes, and what it refuses."""

import asyncio
import struct
import threading
from fractions import Fraction

import av
import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.receiving.picture_size import frame_sizes
from rtc.receiving.video import decoder as module
from rtc.receiving.video.decoder import MAX_PIXELS, MAX_WAITING, FrameDecoder, is_oversized
from rtc.receiving.video.packet import CodedFrame, FrameInfo
from tests.rtc.client import clip

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000)
KEY = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 320, 180)  # RFC 6386, section 9.1
DELTA = b"\x11\x00"
NONSENSE = b"\x11nonsense"


def frame(data: bytes, number: int = 0) -> CodedFrame:
    return CodedFrame(
        first=number,
        last=number,
        timestamp=number,
        data=data,
        info=FrameInfo(),
        shows=True,
        malformed=False,
        orientation=None,
    )


def encoded(codec: str, count: int) -> list[bytes]:
    """Return encoded frames of the clip; the first is a keyframe."""
    context = av.VideoCodecContext.create({"VP8": "libvpx", "H264": "libx264"}[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 180, "yuv420p"
    context.time_base, context.gop_size = Fraction(1, 25), 1_000
    context.options = {"deadline": "realtime"} if codec == "VP8" else {"tune": "zerolatency"}
    made = []
    for index, frame in enumerate(clip()[0][:count]):
        small = frame.reformat(320, 180)
        small.pts, small.pict_type = index, av.video.frame.PictureType.NONE
        made += [bytes(packet) for packet in context.encode(small)]
    return made


class Delivered:
    """Notes what is delivered."""

    def __init__(self) -> None:
        self.items: list[int | None] = []
        self._came = asyncio.Event()

    def __call__(self, item: int | None) -> None:
        self.items.append(item)
        self._came.set()

    async def until(self, item: int) -> None:
        while item not in self.items:
            self._came.clear()
            await self._came.wait()


class Stuck:
    """A decoder that waits; what it decodes is noted, and nonsense raises."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.decoded: list[int] = []

    def decode(self, encoded_frame: JitterFrame) -> list[int]:
        self.go.wait()
        if encoded_frame.data == NONSENSE:
            raise ValueError("nonsense")
        self.decoded.append(encoded_frame.timestamp)
        return [encoded_frame.timestamp]


async def test_frames_are_decoded_in_order_and_too_many_are_dropped_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck, delivered = Stuck(), Delivered()
    monkeypatch.setattr(module, "get_decoder", lambda codec: stuck)
    decoder = FrameDecoder(delivered, lambda: None)
    taken = [decoder.put(VP8, frame(DELTA, number)) for number in range(MAX_WAITING + 10)]
    assert not all(taken)
    first = taken.index(False)
    assert first in (MAX_WAITING, MAX_WAITING + 1)  # the thread may have one
    assert decoder.dropped >= MAX_WAITING
    assert all(taken[first + 1 :])
    stuck.go.set()
    await delivered.until(MAX_WAITING + 9)
    decoder.stop()
    await decoder.stopped()
    # The first may have been with the thread when the others were dropped.
    after = [*range(first + 1, MAX_WAITING + 10), None]
    assert delivered.items in (after, [0, *after])


async def test_what_raises_is_told_and_the_next_frame_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck, delivered, errors = Stuck(), Delivered(), list[int]()
    stuck.go.set()
    monkeypatch.setattr(module, "get_decoder", lambda codec: stuck)
    decoder = FrameDecoder(delivered, lambda: errors.append(1))
    for number, data in enumerate([DELTA, NONSENSE, DELTA]):
        assert decoder.put(VP8, frame(data, number))
    await delivered.until(2)
    decoder.stop()
    await decoder.stopped()
    assert delivered.items == [0, 2, None]
    assert errors == [1]


async def test_a_huge_or_empty_frame_is_refused() -> None:
    """libvpx takes 4 s and 900 MB for the huge one."""
    huge = KEY[:6] + struct.pack("<HH", 16_383, 16_383)
    decoder = FrameDecoder(lambda _: None, lambda: None)
    refused = [not decoder.put(VP8, frame(data)) for data in (KEY, huge, b"", DELTA)]
    assert refused == [False, True, True, False]
    assert decoder.dropped == 2
    decoder.stop()
    await decoder.stopped()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_sizes_of_ordinary_frames_pass(codec: str) -> None:
    assert not any(is_oversized(codec, frame) for frame in encoded(codec, 3))


def test_a_parameter_set_of_a_huge_picture_is_not_decoded() -> None:
    """Profile 66, and 2,000 by 2,000 macroblocks."""
    numbers_before = golomb(0) + golomb(0) + golomb(2) + golomb(1) + "0"  # up to the size
    bits = f"{66:08b}{0:08b}{51:08b}" + numbers_before + golomb(1_999) * 2 + "110" + "0"
    unit = b"\x67" + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    assert frame_sizes("H264", b"\x00\x00\x00\x01" + unit) == [(32_000, 32_000)]
    assert MAX_PIXELS < 32_000**2
    assert is_oversized("H264", b"\x00\x00\x00\x01" + unit)
    assert is_oversized("H264", b"\x00\x00\x00\x01\x67")  # cannot be read


def golomb(number: int) -> str:
    """Return an unsigned number in the code of H.264, section 9.1."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits
