"""The target bitrate: grows while a path is not full, falls below what got through when it is.

Source: Carlucci et al. 2016, section 4.4 (additive and multiplicative increase, decrease to 0.85 of
what was received). The start and the bound on one decrease are ours.
"""

import math
from dataclasses import dataclass

from rtc.congestion.delay import Usage

BACK_OFF = 0.85  # times what gets through
MOST_AT_ONCE = 0.5  # times the target, at least, after one decrease
GROWTH = 1.15  # a second, far from the last known capacity
START_GROWTH = 2.0  # a second, before the first sign of a limit
NEAR_GROWTH = 9_600.0  # bits in each response time: a packet more
RESPONSE = 0.1  # seconds that detection takes, beyond the round trip
MIN_NEAR_GROWTH = 4_000.0  # bit/s in a second
SLACK = 1.5  # the target is at most this times what gets through,
EXTRA = 10_000.0  # and this many bit/s more
MEMORY = 0.3  # weight of a new measurement of the capacity
NEAR = 0.15  # share of the capacity around it, in which growth is slow
LOSS_MARGIN = 0.95  # of the bound from losses


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Bitrates in bit/s between which a target stays, and where it starts.

    Below the lowest, sound and a picture now and then do not fit, and an estimate that is wrong,
    as on a machine without time for packets, would not recover by itself.
    """

    lowest: float = 150_000.0
    start: float = 400_000.0
    highest: float = 2_500_000.0


def send_limits(highest: float) -> RateLimits:
    """Return limits up to `highest`, which the start does not exceed."""
    return RateLimits(start=min(RateLimits().start, highest), highest=highest)


class RateControl:
    """Holds the target in `target`; `follow_media` keeps it near what really gets through."""

    def __init__(self, limits: RateLimits, *, follow_media: bool = True) -> None:
        self.target = limits.start
        self._limits = limits
        self._follow_media = follow_media
        self._starting = True
        self._interrupted = 0.0  # the target before the news stopped
        self._capacity: float | None = None
        self._updated: float | None = None
        self._decreased = -math.inf

    def update(
        self,
        usage: Usage,
        time: float,
        *,
        through: float | None,
        loss_bound: float = math.inf,
        round_trip: float = 0.1,
    ) -> float:
        """Return the target at `time`; `through` is the bitrate that got through, if known."""
        elapsed = 0.0 if self._updated is None else min(1.0, time - self._updated)
        self._updated = time
        bound = LOSS_MARGIN * loss_bound
        if usage is Usage.HIGH:
            self._decrease(time, through, round_trip)
        elif usage is Usage.NORMAL and self.target < bound:
            self._increase(elapsed, through, round_trip)
        if bound < self.target:
            self._starting, self._interrupted = False, 0.0
            self.target = max(bound, MOST_AT_ONCE * self.target)
        self.target = min(self._limits.highest, max(self._limits.lowest, self.target))
        return self.target

    def halve(self) -> float:
        """Return half of the target: nothing is heard of what was sent.

        When it is again, and nothing speaks against it, the target soon is what it was.
        """
        self._interrupted = max(self.target, self._interrupted)
        self.target = max(self._limits.lowest, MOST_AT_ONCE * self.target)
        return self.target

    def _decrease(self, time: float, through: float | None, round_trip: float) -> None:
        self._starting = False
        if time - self._decreased < round_trip + RESPONSE:
            return
        self._interrupted = 0.0
        self._decreased = time
        if through is None:
            self.target *= BACK_OFF
            return
        old = self._capacity
        self._capacity = through if old is None else old + MEMORY * (through - old)
        least = MOST_AT_ONCE * self.target
        self.target = min(self.target, max(least, BACK_OFF * through))

    def _increase(self, elapsed: float, through: float | None, round_trip: float) -> None:
        capacity = self._capacity
        if capacity is not None and through is not None and through > (1 + NEAR) * capacity:
            capacity = self._capacity = None
        if self._starting or self.target < BACK_OFF * self._interrupted:
            grown = self.target * START_GROWTH**elapsed
        elif capacity is not None and self.target > (1 - NEAR) * capacity:
            step = NEAR_GROWTH / (round_trip + RESPONSE)
            grown = self.target + elapsed * max(MIN_NEAR_GROWTH, step)
        else:
            grown = self.target * GROWTH**elapsed
        if self._follow_media and through is not None:
            grown = min(grown, SLACK * through + EXTRA)
        self.target = max(self.target, grown)
