import struct
import threading
from fractions import Fraction

import av
import pytest
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.decoding import MAX_PIXELS, Decodable, DecodingQueue, is_keyframe, is_oversized
from rtc.picture_size import frame_sizes
from tests.rtc.client import clip

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000)
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, channels=2)
KEY = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 320, 180)  # RFC 6386, section 9.1
DELTA = b"\x11\x00"


def item(codec: RTCRtpCodecParameters, data: bytes, number: int) -> Decodable:
    return codec, JitterFrame(data, number)


def numbers(queue: DecodingQueue) -> list[int]:
    queue_items = [queue.get() for _ in range(len(queue._items))]
    return [entry[1].timestamp for entry in queue_items if entry is not None]


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


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_keyframes_are_recognized(codec: str) -> None:
    frames = encoded(codec, 8)
    assert [is_keyframe(codec, frame) for frame in frames] == [True] + [False] * 7
    assert not is_keyframe(codec, b"")


def test_frames_wait_in_order_while_the_decoder_keeps_up() -> None:
    lost = threading.Event()
    queue = DecodingQueue(3, lost)
    for number in range(3):
        queue.put(item(VP8, DELTA, number))
    assert numbers(queue) == [0, 1, 2]
    assert not lost.is_set()


def test_when_the_decoder_falls_behind_a_keyframe_is_requested_and_awaited() -> None:
    lost = threading.Event()
    queue = DecodingQueue(3, lost)
    for number in range(10):
        queue.put(item(VP8, DELTA, number))
    assert lost.is_set()
    queue.put(item(VP8, KEY, 10))
    queue.put(item(VP8, DELTA, 11))
    assert numbers(queue) == [10, 11]
    assert queue.dropped == 10


def test_a_missing_keyframe_is_requested_again() -> None:
    lost = threading.Event()
    queue = DecodingQueue(3, lost)
    for number in range(4):
        queue.put(item(VP8, DELTA, number))
    lost.clear()
    for number in range(4, 40):
        queue.put(item(VP8, DELTA, number))
    assert lost.is_set()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_sizes_of_ordinary_frames_pass(codec: str) -> None:
    assert not any(is_oversized(codec, frame) for frame in encoded(codec, 3))


def test_a_small_keyframe_of_a_huge_picture_is_not_decoded() -> None:
    """libvpx takes 4 s and 900 MB for it."""
    huge = KEY[:6] + struct.pack("<HH", 16_383, 16_383)
    assert is_oversized("VP8", huge)
    lost = threading.Event()
    queue = DecodingQueue(3, lost)
    for number, data in enumerate([KEY, huge, DELTA, KEY, DELTA]):
        queue.put(item(VP8, data, number))
    assert numbers(queue) == [0, 3, 4]


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


def test_audio_keeps_the_newest_packets() -> None:
    queue = DecodingQueue(3, None)
    for number in range(10):
        queue.put(item(OPUS, b"sound", number))
    assert numbers(queue) == [7, 8, 9]


def test_the_end_precedes_waiting_items() -> None:
    queue = DecodingQueue(3, None)
    queue.put(item(OPUS, b"sound", 0))
    queue.put(None)
    assert queue.get() is None


def test_a_waiting_thread_is_woken() -> None:
    queue = DecodingQueue(3, None)
    taken: list[Decodable | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.get()))
    thread.start()
    queue.put(item(OPUS, b"sound", 7))
    thread.join(timeout=5)
    assert [entry and entry[1].timestamp for entry in taken] == [7]


def test_an_empty_frame_is_not_decoded() -> None:
    """FFmpeg takes it for the end of the stream."""
    queue = DecodingQueue(3, threading.Event())
    queue.put(item(VP8, b"", 0))
    queue.put(item(VP8, KEY, 1))
    assert numbers(queue) == [1]
    assert queue.dropped == 1
