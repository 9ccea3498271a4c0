"""The bitrate that a peer may send, for one that does not number its packets: what REMB tells it.

Such a peer puts the time of sending into its packets (abs-send-time), which is enough to see
delays. A sender of simulcast needs room for a larger layer before it starts one, so its estimate
is not tied to what arrives.

Source: draft-alvestrand-rmcat-remb-03; the extension at webrtc.org/experiments/rtp-hdrext.
"""

from dataclasses import dataclass

from rtc.congestion.delay import DelayDetector, Usage
from rtc.congestion.loss import MIN_PACKETS, MIN_TIME, LossBound, LossObservation
from rtc.congestion.rate_control import RateControl, RateLimits
from rtc.congestion.sequence import Unwrapper
from rtc.congestion.throughput import BITS, Throughput

ABS_SEND_UNIT = 1 / (1 << 18)  # seconds
ABS_SEND_WRAP = 1 << 24  # units: 64 s
INTERVAL = 0.5  # seconds between two messages that say about the same
URGENT = 0.97  # share of the last message below which a new one is sent at once
RAISED = 1.2  # times the last message from which a higher one is sent: each may cost a keyframe
REMINDER = 2.0  # seconds after which the same is said again: messages get lost


@dataclass(slots=True)
class _Numbered:
    """Sequence numbers of one SSRC since the last observation."""

    numbers: Unwrapper
    highest: int
    expected: int = 0
    received: int = 0


class IncomingRate:
    """Estimates from the packets of one transport; times in seconds, sizes in bytes.

    `audio` is not governed by REMB in stock aiortc, so it is taken off what video may use.
    """

    def __init__(self, limits: RateLimits, *, layered: bool = False) -> None:
        self._control = RateControl(limits, follow_media=not layered)
        self._detector = DelayDetector()
        self._losses = LossBound()
        self._through = Throughput()
        self._audio = Throughput(2.0)
        self._streams: dict[int, _Numbered] = {}
        self._origin: tuple[int, int] | None = None  # the last time of sending, and its wraps
        self._observed = 0.0
        self._bytes = 0
        self._updated: float | None = None
        self._told: tuple[float, float] | None = None  # when, and what

    def add(
        self, ssrc: int, number: int, size: int, time: float, *, sent: int | None, audio: bool
    ) -> None:
        """Take a packet; `sent` is its abs-send-time, None if it has none."""
        self._through.add(size, time)
        self._bytes += size
        if audio:
            self._audio.add(size, time)
        self._count(ssrc, number)
        if sent is not None:
            self._detector.add(self._seconds(sent), time)
        self._observe(time)
        urgent = self._detector.usage is Usage.HIGH
        if self._updated is None or urgent or time - self._updated >= INTERVAL / 5:
            self._updated = time
            self._control.update(
                self._detector.usage,
                time,
                through=self._through.rate(time),
                loss_bound=self._losses.bound,
            )

    def message(self, time: float) -> int | None:
        """Return the bitrate to tell the peer now, or None if nothing is due."""
        if self._updated is None:
            return None
        value = max(1.0, self._control.target - (self._audio.rate(time) or 0.0))
        if self._told is not None:
            when, last = self._told
            due = value < URGENT * last or (value > RAISED * last and time - when >= INTERVAL)
            if not due and time - when < REMINDER:
                return None
            if not due:
                value = last
        self._told = (time, value)
        return round(value)

    def forget(self, ssrc: int) -> None:
        """Forget a source that is not heard any more."""
        self._streams.pop(ssrc, None)

    def _seconds(self, sent: int) -> float:
        """Return the time of sending, beyond its wrap after 64 s."""
        last, wraps = self._origin or (sent, 0)
        ahead = (sent - last + ABS_SEND_WRAP // 2) % ABS_SEND_WRAP - ABS_SEND_WRAP // 2
        value = wraps + ahead
        self._origin = (sent, value)
        return value * ABS_SEND_UNIT

    def _count(self, ssrc: int, number: int) -> None:
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._streams[ssrc] = _Numbered(Unwrapper(), number)
            stream.highest = stream.numbers.unwrap(number) - 1
        value = stream.numbers.unwrap(number)
        stream.expected += max(0, min(value - stream.highest, 1000))  # a jump is no loss
        stream.highest = max(value, stream.highest)
        stream.received += 1

    def _observe(self, time: float) -> None:
        expected = sum(stream.expected for stream in self._streams.values())
        elapsed = time - self._observed
        if expected < MIN_PACKETS or elapsed < MIN_TIME:
            return
        received = min(expected, sum(stream.received for stream in self._streams.values()))
        bitrate = BITS * self._bytes / elapsed * expected / max(1, received)
        self._losses.add(LossObservation(bitrate, expected, expected - received))
        for stream in self._streams.values():
            stream.expected = stream.received = 0
        self._observed, self._bytes = time, 0
