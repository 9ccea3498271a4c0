"""A model of one direction of a network path: what it loses, delays, reorders, doubles and damages.

`Line` has no clock, no socket and no event loop: time is an argument, in seconds. The same seed and
the same packets at the same times give the same deliveries. Each packet takes the same number of
random draws whatever the conditions are, so the losses of a seed do not depend on the delay, and
those at 5 % are among those at 10 %. `tests.rtc.udp_link` runs two of them between real sockets.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

BITS = 8  # in a byte
ROUNDING = 1e-9  # seconds: packets that would leave the queue by then have left it


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Loss in bursts: the model of Gilbert and Elliott, which changes state before each packet.

    `begin` is the chance to leave the good state, `end` that to leave the bad one, in which a share
    `loss` of the packets is lost.
    """

    begin: float
    end: float
    loss: float = 1.0

    @classmethod
    def of(cls, share: float, length: float) -> "Burst":
        """Return bursts of `length` packets on average, which lose `share` of all packets."""
        end = 1 / length
        return cls(begin=end * share / (1 - share), end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a path does to packets from some time on.

    `loss`, `reordered`, `duplicated` and `corrupted` are shares of the packets. A packet takes
    `delay` seconds, and up to `jitter` more, but does not overtake the one before it. A reordered
    one is held back by `reordered_by` seconds, and others overtake it. `rate` is in bit/s; packets
    that wait for it form a queue of at most `queue` seconds, and those that find it full are lost.
    With `up` false nothing gets in; what was on its way arrives.
    """

    loss: float = 0.0
    burst: Burst | None = None
    delay: float = 0.0
    jitter: float = 0.0
    reordered: float = 0.0
    reordered_by: float = 0.02
    duplicated: float = 0.0
    corrupted: float = 0.0
    rate: float = math.inf
    queue: float = 0.3
    up: bool = True


Change = tuple[float, Conditions]  # seconds, and what is so from then on


def outage(conditions: Conditions, start: float, seconds: float) -> list[Change]:
    """Return a schedule of `conditions` with one outage."""
    down = replace(conditions, up=False)
    return [(0.0, conditions), (start, down), (start + seconds, conditions)]


@dataclass(slots=True)
class LineCounters:
    """Packets and bytes that were sent into a line, and what became of the packets."""

    sent: int = 0
    sent_bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    delivered: int = 0


@dataclass(frozen=True, slots=True)
class _Draws:
    """The random numbers of one packet, each in [0, 1)."""

    state: float
    burst: float
    loss: float
    corrupt: float
    duplicate: float
    reorder: float
    jitter: float
    place: float


@dataclass(slots=True)
class _Queued:
    data: bytes
    draws: _Draws
    bits: float


@dataclass(order=True, slots=True)
class _Flying:
    time: float
    number: int
    data: bytes = field(compare=False)


class Line:
    """One direction of a path: `send` puts packets in, `receive` takes out what has arrived.

    Times must not go back. `next_time` says when something will arrive, if anything is on its way.
    """

    def __init__(self, schedule: Iterable[Change] = (), *, seed: int = 0) -> None:
        self.counters = LineCounters()
        self.conditions = Conditions()
        self._random = random.Random(seed)
        self._changes: deque[Change] = deque()
        self._now = -math.inf
        self._bad = False
        self._queue: deque[_Queued] = deque()
        self._flying: list[_Flying] = []
        self._last_arrival = -math.inf
        self._number = 0
        self.follow(schedule)

    def follow(self, schedule: Iterable[Change], *, start: float = 0.0) -> None:
        """Follow `schedule`, whose times count from `start`, in place of what was planned."""
        self._changes = deque(
            sorted(((start + t, c) for t, c in schedule), key=lambda each: each[0])
        )

    def send(self, now: float, data: bytes) -> None:
        """Put in a packet."""
        self._advance(now)
        draws = _Draws(*(self._random.random() for _ in range(8)))
        self.counters.sent += 1
        self.counters.sent_bytes += len(data)
        if self._loses(draws):
            self.counters.lost += 1
        elif self._overflows(len(data)):
            self.counters.overflowed += 1
        else:
            self._queue.append(_Queued(self._damaged(data, draws), draws, BITS * len(data)))
            self._serve(now, 0.0)

    def receive(self, now: float) -> list[bytes]:
        """Return the packets that have arrived since the last call, in the order of arrival."""
        self._advance(now)
        arrived = []
        while self._flying and self._flying[0].time <= now:
            arrived.append(heapq.heappop(self._flying).data)
        self.counters.delivered += len(arrived)
        return arrived

    def next_time(self) -> float | None:
        """Return when to call `receive` next, or None if nothing is on its way.

        It may be earlier than the next arrival, when a packet leaves the queue or the rate changes.
        """
        times = [self._flying[0].time] if self._flying else []
        if self._queue:
            times.append(self._now + self._queue[0].bits / self.conditions.rate)
            times += [time for time, _ in list(self._changes)[:1]]
        return min(times, default=None)

    def _advance(self, now: float) -> None:
        """Let time pass, through the changes that are due."""
        assert now >= self._now, f"time went back from {self._now} to {now} s"
        while self._changes and self._changes[0][0] <= now:
            time, conditions = self._changes.popleft()
            self._pass(max(time, self._now))
            self.conditions = conditions
        self._pass(now)

    def _pass(self, now: float) -> None:
        elapsed = now - self._now if self._queue else 0.0
        begun, self._now = self._now, now
        self._serve(begun, elapsed)

    def _serve(self, begun: float, seconds: float) -> None:
        """Let the queue's packets leave at the present rate for `seconds` from `begun` on."""
        left = seconds
        while self._queue:
            first = self._queue[0]
            takes = first.bits / self.conditions.rate
            if takes > left + ROUNDING:
                first.bits -= left * self.conditions.rate
                return
            left = max(0.0, left - takes)
            self._queue.popleft()
            self._fly(first, begun + seconds - left)

    def _fly(self, packet: _Queued, departed: float) -> None:
        """Put a packet that has left the queue on its way."""
        draws, conditions = packet.draws, self.conditions
        time = departed + conditions.delay + draws.jitter * conditions.jitter
        if draws.reorder < conditions.reordered:
            time += conditions.reordered_by
        else:
            time = self._last_arrival = max(time, self._last_arrival)
        for _ in range(2 if draws.duplicate < conditions.duplicated else 1):
            self._number += 1
            heapq.heappush(self._flying, _Flying(time, self._number, packet.data))

    def _loses(self, draws: _Draws) -> bool:
        conditions, burst = self.conditions, self.conditions.burst
        if burst is not None:
            self._bad = draws.state >= burst.end if self._bad else draws.state < burst.begin
            if self._bad and draws.burst < burst.loss:
                return True
        return not conditions.up or draws.loss < conditions.loss

    def _overflows(self, size: int) -> bool:
        """Return whether the queue is too full for `size` bytes; an empty one takes any packet."""
        conditions = self.conditions
        if not self._queue or math.isinf(conditions.rate):
            return False
        waiting = sum(packet.bits for packet in self._queue) + BITS * size
        return waiting > conditions.queue * conditions.rate

    def _damaged(self, data: bytes, draws: _Draws) -> bytes:
        """Return `data`, with one bit changed if the packet is among the corrupted."""
        if draws.corrupt >= self.conditions.corrupted or not data:
            return data
        bit = int(draws.place * BITS * len(data))
        changed = bytearray(data)
        changed[bit // BITS] ^= 1 << bit % BITS
        return bytes(changed)
