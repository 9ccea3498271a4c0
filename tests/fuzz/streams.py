"""The streams of a receiver as targets: any packets, in any order, at any time."""

from contextlib import suppress
from functools import cache

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.clock import ReplayClock
from media.frames import AudioChunk
from rtc.receiving.audio.stream import AudioOutput, AudioStream
from rtc.receiving.link import Link
from rtc.receiving.stream import SenderReport
from rtc.receiving.video.buffer import VideoBuffer
from rtc.receiving.video.reader import PacketReader
from tests.fuzz.choices import Choices
from tests.fuzz.packets import PAYLOADS

PAUSES = (0.02, 0.0, 0.005, 0.3, 7.0, 100_000.0)  # seconds
STEPS = (1, 1, 1, 0, 2, 65_535, 5, 200, 4_000, 32_768)  # of a sequence number
TICKS = (960, 0, 2_880, -960, 48_000, 1 << 31)  # of a timestamp, for each number
AUDIO = {
    111: ("opus", 48_000),
    63: ("red", 48_000),
    0: ("PCMU", 8_000),
    8: ("PCMA", 8_000),
    9: ("G722", 8_000),
}


@cache
def opus_packets() -> list[bytes]:
    """Return packets of mono and stereo, short and long."""
    found: list[bytes] = []
    for layout, frame_duration in (("mono", "20"), ("stereo", "60"), ("mono", "2.5")):
        encoder = av.CodecContext.create("libopus", "w")
        assert isinstance(encoder, av.AudioCodecContext)
        encoder.sample_rate, encoder.layout, encoder.format = 48_000, layout, "flt"
        encoder.options = {"frame_duration": frame_duration, "application": "voip", "fec": "1"}
        channels = 1 if layout == "mono" else 2
        tone = np.sin(np.arange(5_760 * channels) / 40).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="flt", layout=layout)
        frame.sample_rate = 48_000
        found += [bytes(packet) for packet in encoder.encode(frame)][:3]
    return found


def codec(payload_type: int) -> RTCRtpCodecParameters:
    name, rate = AUDIO[payload_type]
    feedback = [RTCRtcpFeedback("nack")]
    return RTCRtpCodecParameters(f"audio/{name}", rate, 2, payload_type, feedback)


def redundant(payload: bytes, before: bytes) -> bytes:
    """Return a packet of RED with one earlier block: RFC 2198, section 3."""
    size = min(len(before), 1023)
    return (0xEF000000 | 960 << 10 | size).to_bytes(4) + b"\x6f" + before[:size] + payload


def audio_stream(data: bytes) -> None:
    """Give a stream of audio damaged packets; its sound has places that never go back."""
    choices = Choices(data)
    delivered: list[AudioOutput | None] = []
    stream = AudioStream(Link(ReplayClock()), delivered.append, limit=0.2)
    now, number, timestamp, due = 0.0, 0, 0, None
    packets = opus_packets()
    while choices.left:
        now += choices.one(PAUSES)
        if due is not None and due <= now:
            due = stream.poll(now).due
        step = choices.one(STEPS)
        number = (number + step) % 65_536
        timestamp = (timestamp + choices.one(TICKS) * max(1, step)) % (1 << 32)
        kind = choices.one(tuple(AUDIO))
        payload = choices.one(packets) if kind in (63, 111) else b"\x7f" * choices.number(300)
        if kind == 63:
            payload = redundant(payload, choices.one(packets))
        if choices.number(3) == 0:
            payload = choices.damaged(payload)
        packet = RtpPacket(kind, 0, number, timestamp, choices.one((1, 1, 1, 2)), payload)
        with suppress(ValueError):
            due = stream.receive(packet, codec(kind), now, repeated=False).due
        if choices.number(16) == 0:
            stream.report(SenderReport(1, choices.one((0.0, 3e9)), choices.number(1 << 32)), now)
        again = stream.poll(now).due
        assert again is None or again > now, "what is due was done"
    stream.stop()
    assert delivered[-1] is None
    _check_order(delivered)


def video_buffer(data: bytes) -> None:
    """Give a buffer of video damaged packets; frames leave in order, and waits have an end."""
    choices = Choices(data)
    name = choices.one(("VP8", "H264"))
    parameters = RTCRtpCodecParameters(f"video/{name}", 90_000, None, 97)
    seeds = [payload for kind, payload in PAYLOADS if kind == name]
    reader, buffer = PacketReader(), VideoBuffer(0.3)
    now, number, timestamp, last = 0.0, 0, 0, -1
    due: float | None = None
    while choices.left:
        now += choices.one(PAUSES)
        step = choices.one(STEPS)
        number = (number + step) % 65_536
        timestamp = (timestamp + choices.one(TICKS) * choices.number(2)) % (1 << 32)
        payload = choices.one(seeds)
        if choices.number(3) == 0:
            payload = choices.damaged(payload)
        packet = RtpPacket(97, choices.number(2), number, timestamp, 1, payload)
        restarts = reader.restarts
        read = reader.read(packet, parameters)
        if reader.restarts != restarts:
            buffer, last = VideoBuffer(0.3), -1
        steps = [buffer.poll(now, 0.1)] if due is not None and due <= now else []
        if read is not None:
            trip = choices.one((0.1, 0.0, 3.0))
            steps.append(buffer.add(read, now, trip, repeated=choices.number(5) == 0))
        for each in steps:
            for frame in each.frames:
                assert frame.first > last or last == -1
                last = frame.last
            assert len(each.missing) <= 512
            due = each.due
        again = buffer.poll(now, 0.1).due
        assert again is None or again > now, "what is due was done"


def _check_order(delivered: list[AudioOutput | None]) -> None:
    end = 0
    for item in delivered:
        if isinstance(item, AudioChunk):
            assert item.start >= end, f"sound went back from {end} to {item.start}"
            assert np.isfinite(item.samples).all()
            end = item.end
