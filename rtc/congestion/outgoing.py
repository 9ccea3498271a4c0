"""The bitrate at which one transport may send, from what its peer says about it.

A peer either reports each packet (transport-wide feedback), which shows delays, or only its losses
(receiver reports) and its own estimate (REMB).
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from rtc.congestion.delay import DelayDetector, Usage
from rtc.congestion.feedback import DELTA, Feedback
from rtc.congestion.loss import MIN_PACKETS, MIN_TIME, LossBound, LossObservation
from rtc.congestion.rate_control import RateControl, RateLimits
from rtc.congestion.sequence import Unwrapper
from rtc.congestion.throughput import BITS, Throughput

HISTORY = 10.0  # seconds for which a sent packet is remembered
REORDERING = 0.1  # seconds after which a packet that is reported missing counts as lost
NO_NEWS = 1.0  # seconds without a report, beyond the round trip, after which the target is halved
LOSS_SMOOTHING = 0.15  # weight of an observation of losses, of which there are four a second
FRACTION = 256  # unit of a fraction lost, RFC 3550 section 6.4.1


@dataclass(slots=True)
class _Sent:
    size: int
    time: float
    missing_since: float | None = None


class OutgoingRate:
    """Keeps `target`, in bit/s, for everything on one transport; times in seconds."""

    def __init__(self, limits: RateLimits) -> None:
        self.round_trip = 0.1
        self.loss = 0.0  # share of the packets, over some seconds
        self._control = RateControl(limits)
        self._lowest = limits.lowest
        self._detector = DelayDetector()
        self._losses = LossBound()
        self._through = Throughput()
        self._sending = Throughput(1.0)
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._numbers = Unwrapper()
        self._estimate = math.inf  # the peer's
        self._waiting: float | None = None  # since when packets wait for a report
        self._counted = [0, 0, 0]  # packets, lost ones and bytes since the last observation
        self._observed = 0.0
        self._numbered = False

    @property
    def target(self) -> float:
        """What may be sent, in bit/s, at the last call.

        The estimate of a peer that reports each packet is not asked for: ours sees the same.
        """
        if self._numbered:
            return self._control.target
        return min(self._control.target, max(self._estimate, self._lowest))

    def sent(self, size: int, time: float, number: int | None = None) -> None:
        """Note a sent packet of `size` bytes; `number` is transport-wide, None if not counted."""
        self._sending.add(size, time)
        if number is None:
            return
        self._waiting = time if self._waiting is None else self._waiting
        self._sent[self._numbers.unwrap(number)] = _Sent(size, time)
        while self._sent and next(iter(self._sent.values())).time < time - HISTORY:
            self._sent.popitem(last=False)

    def feedback(self, report: Feedback, time: float) -> None:
        """Take a report about numbered packets."""
        first = self._number(report.base)
        arrived: list[tuple[float, _Sent]] = []
        for number, tick in enumerate(report.arrivals, first):
            packet = self._sent.get(number)
            if packet is None:
                continue
            if tick is not None:
                arrived.append((tick * DELTA / 1e6, packet))
                del self._sent[number]
            elif packet.missing_since is None:
                packet.missing_since = time
        usage = Usage.NORMAL
        for at, packet in sorted(arrived, key=lambda each: each[0]):
            usage = self._detector.add(packet.time, at)
            self._through.add(packet.size, at)
            self._count(packet, lost=False)
        if not arrived:
            usage = self._detector.usage
        self._numbered, self._waiting = True, None
        if arrived:
            newest = max(packet.time for _, packet in arrived)
            self.round_trip += 0.1 * (time - newest - self.round_trip)
        self._write_off(time)
        self._observe(time)
        through = self._through.rate(max(at for at, _ in arrived)) if arrived else None
        self._update(usage, time, through)

    def receiver_report(
        self, fraction_lost: int, packets: int, time: float, round_trip: float | None
    ) -> None:
        """Take a report about `packets` of ours; not used once packets are reported singly."""
        if round_trip is not None and not self._numbered:
            self.round_trip = round_trip
        if self._numbered or packets <= 0:
            return
        share = fraction_lost / FRACTION
        self.loss += LOSS_SMOOTHING * (share - self.loss)
        rate = self._sending.rate(time)
        if rate is None:
            return
        self._losses.add(LossObservation(rate, packets, round(share * packets)))
        self._update(Usage.NORMAL, time, rate * (1 - share))

    def estimate(self, bitrate: float) -> None:
        """Take the peer's own estimate (REMB)."""
        self._estimate = max(1.0, bitrate)

    def tick(self, time: float) -> None:
        """Let time pass: less is sent when a peer that has reported packets no longer does."""
        if not self._numbered or self._waiting is None:
            return
        if time - self._waiting > NO_NEWS + self.round_trip:
            self._waiting = time
            self._control.halve()

    def _number(self, base: int) -> int:
        """Return the number that `base` stands for, among those that were sent."""
        newest = next(reversed(self._sent), base)
        return newest - (newest - base) % 65536

    def _write_off(self, time: float) -> None:
        gone = [
            number
            for number, packet in self._sent.items()
            if packet.missing_since is not None and time - packet.missing_since >= REORDERING
        ]
        for number in gone:
            self._count(self._sent.pop(number), lost=True)

    def _count(self, packet: _Sent, *, lost: bool) -> None:
        self._counted[0] += 1
        self._counted[1] += lost
        self._counted[2] += packet.size

    def _observe(self, time: float) -> None:
        """Close an observation of losses, if it has enough packets."""
        packets, lost, size = self._counted
        elapsed = time - self._observed
        if packets < MIN_PACKETS or elapsed < MIN_TIME:
            return
        self._losses.add(LossObservation(BITS * size / elapsed, packets, lost))
        self.loss += LOSS_SMOOTHING * (lost / packets - self.loss)
        self._counted, self._observed = [0, 0, 0], time

    def _update(self, usage: Usage, time: float, through: float | None) -> None:
        self._control.update(
            usage,
            time,
            through=through,
            loss_bound=self._losses.bound,
            round_trip=self.round_trip,
        )
