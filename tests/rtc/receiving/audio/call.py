"""A call in simulated time: sound as Opus packets over a lossy path into an `AudioStream`."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpPacket, RtcpRtpfbPacket, RtpPacket

from media.audio.pcm import to_int16
from media.audio.resampling import Resampler, Samples
from media.clock import ReplayClock
from media.frames import SAMPLE_RATE, AudioChunk, Gap
from rtc.receiving.audio.stream import AudioOutput, AudioStream
from rtc.receiving.link import Link
from rtc.receiving.stream import StreamFeedback
from tests.rtc.link import Change, Conditions, Line

PACKET = 0.02  # seconds
TICKS = 960
HISTORY = 128  # packets that a sender keeps, as aiortc does
NO_LOSS = Conditions()
FIRST, ORIGIN = 65_500, 2**32 - 20_000  # numbers that soon wrap
OPUS = RTCRtpCodecParameters(
    mimeType="audio/opus", clockRate=48_000, channels=2, payloadType=111, parameters={}
)
OPUS_NACK = RTCRtpCodecParameters(
    mimeType="audio/opus",
    clockRate=48_000,
    channels=2,
    payloadType=111,
    rtcpFeedback=[RTCRtcpFeedback(type="nack")],
    parameters={},
)
RED = RTCRtpCodecParameters(
    mimeType="audio/red", clockRate=48_000, channels=2, payloadType=63, parameters={}
)


def encode(samples: Samples, **options: str) -> list[bytes]:
    """Return mono samples at SAMPLE_RATE as packets of 20 ms; the options are FFmpeg's."""
    resampler = Resampler(SAMPLE_RATE, 48_000)
    state, parts = resampler.step(resampler.init_state(), samples)
    pcm = to_int16(np.concatenate([*parts, *resampler.flush(state)]))
    pcm = np.pad(pcm, (0, -len(pcm) % TICKS))
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 48_000
    encoder.bit_rate = int(options.pop("bitrate", "32000"))
    encoder.time_base = Fraction(1, 48_000)
    encoder.options = {"application": "voip", **options}
    packets = []
    for number in range(len(pcm) // TICKS):
        frame = av.AudioFrame.from_ndarray(
            pcm[None, number * TICKS : (number + 1) * TICKS], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = 48_000, number * TICKS
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def redundant(payloads: Sequence[bytes], depth: int = 1) -> list[bytes]:
    """Return RED packets that repeat the `depth` packets before each: RFC 2198."""
    packets = []
    for number, payload in enumerate(payloads):
        old = range(max(0, number - depth), number)
        headers = b"".join(
            (1 << 31 | 111 << 24 | (number - each) * TICKS << 10 | len(payloads[each])).to_bytes(4)
            for each in old
        )
        packets.append(headers + bytes([111]) + b"".join(payloads[each] for each in old) + payload)
    return packets


@dataclass
class Heard:
    """What came out of a call, with the time of each output, and what was asked for again."""

    outputs: list[tuple[float, AudioOutput]] = field(default_factory=list)
    requested: list[int] = field(default_factory=list)

    @property
    def chunks(self) -> list[AudioChunk]:
        return [each for _, each in self.outputs if isinstance(each, AudioChunk)]

    @property
    def gaps(self) -> list[Gap]:
        return [each for _, each in self.outputs if isinstance(each, Gap)]

    def samples(self) -> Samples:
        """Return the sound from the first sample on, with silence where it has holes."""
        first = self.chunks[0].start
        sound = np.zeros(self.chunks[-1].end - first, np.float32)
        for chunk in self.chunks:
            sound[chunk.start - first : chunk.end - first] = chunk.samples
        return sound

    def seconds(self, *, concealed: bool) -> float:
        return sum(gap.end - gap.start for gap in self.gaps if gap.concealed == concealed)

    def added(self) -> list[float]:
        """Return by how much later than the fastest each chunk was delivered, in seconds."""
        late = [t - c.start / SAMPLE_RATE for t, c in self.outputs if isinstance(c, AudioChunk)]
        return [each - min(late) for each in late]


class Call:
    """A sender, a path in both directions and an `AudioStream`, in simulated time."""

    def __init__(
        self,
        payloads: Sequence[bytes],
        forward: Sequence[Change],
        backward: Conditions,
        *,
        seed: int,
        codec: RTCRtpCodecParameters,
        limit: float,
        retransmits: bool,
        silent: Sequence[int],
    ) -> None:
        self.heard = Heard()
        self._payloads = payloads
        self._codec = codec
        self._retransmits = retransmits
        self._there, self._back = Line(forward, seed=seed), Line([(0.0, backward)], seed=seed + 9)
        link = Link(ReplayClock(), round_trip=forward[0][1].delay + backward.delay)
        self._stream = AudioStream(link, self._deliver, limit=limit)
        self._history: dict[int, bytes] = {}
        self._to_send = deque(
            (index, number)
            for index, number in enumerate(n for n in range(len(payloads)) if n not in silent)
        )
        self._now = 0.0
        self._due: float | None = None

    def run(self) -> Heard:
        """Let the time pass until nothing is left to happen."""
        while (time := self._next()) is not None:
            self._now = time
            self._send()
            self._answer()
            for data in self._there.receive(time):
                packet = RtpPacket.parse(data)
                self._follow(self._stream.receive(packet, self._codec, time, repeated=False))
            if self._due is not None and self._due <= time:
                self._follow(self._stream.poll(time))
        self._stream.stop()
        return self.heard

    def _next(self) -> float | None:
        times = [self._there.next_time(), self._back.next_time(), self._due]
        times += [number * PACKET for _, number in list(self._to_send)[:1]]
        return min((time for time in times if time is not None), default=None)

    def _send(self) -> None:
        while self._to_send and self._to_send[0][1] * PACKET <= self._now:
            index, number = self._to_send.popleft()
            sequence = (FIRST + index) % 2**16
            packet = RtpPacket(
                payload_type=self._codec.payloadType or 0,
                sequence_number=sequence,
                timestamp=(ORIGIN + number * TICKS) % 2**32,
                ssrc=1,
                payload=self._payloads[number],
            )
            self._history[sequence] = packet.serialize()
            if len(self._history) > HISTORY:
                del self._history[next(iter(self._history))]
            self._there.send(self._now, self._history[sequence])

    def _answer(self) -> None:
        for data in self._back.receive(self._now):
            (request,) = RtcpPacket.parse(data)
            assert isinstance(request, RtcpRtpfbPacket)
            for sequence in request.lost:
                if sequence in self._history and self._retransmits:
                    self._there.send(self._now, self._history[sequence])

    def _follow(self, feedback: StreamFeedback) -> None:
        self._due = feedback.due
        if feedback.missing:
            self.heard.requested += feedback.missing
            request = RtcpRtpfbPacket(RTCP_RTPFB_NACK, ssrc=2, media_ssrc=1)
            request.lost = sorted(feedback.missing)
            self._back.send(self._now, bytes(request))

    def _deliver(self, output: AudioOutput | None) -> None:
        if output is not None:
            self.heard.outputs.append((self._now, output))


def listen(
    payloads: Sequence[bytes],
    forward: Conditions | Sequence[Change] = NO_LOSS,
    backward: Conditions = NO_LOSS,
    *,
    seed: int = 0,
    codec: RTCRtpCodecParameters = OPUS,
    limit: float = 0.5,
    retransmits: bool = True,
    silent: Sequence[int] = (),
) -> Heard:
    """Send `payloads`, one in each PACKET, and return what is heard.

    Those with the numbers in `silent` are not sent at all, nor counted, as a sender does in pauses.
    """
    schedule = [(0.0, forward)] if isinstance(forward, Conditions) else forward
    call = Call(
        payloads,
        schedule,
        backward,
        seed=seed,
        codec=codec,
        limit=limit,
        retransmits=retransmits,
        silent=silent,
    )
    return call.run()
