"""A sliding window as two fixed ones: the earlier is weighted by how much of it is still inside."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """What was used: `before` in the earlier window, which counts for `inside` more seconds.

    And `now` in the one that runs, for `remaining` more seconds. Both are `length` seconds long.
    """

    length: int
    before: int
    inside: float
    now: int
    remaining: float

    def used(self) -> float:
        """Return how much was used in the last `length` seconds."""
        return self.before * self.inside / self.length + self.now

    def wait(self, limit: int, amount: int = 1) -> float:
        """Return the seconds after which `amount` can be taken; those of the window if never."""
        room = limit - amount + 1  # uses below this leave room, as amounts are whole
        if room <= 0:
            return float(self.length)
        if self.used() < room:
            return 0.0
        if self.now < room:  # as the earlier window leaves
            return self.inside - (room - self.now) * self.length / self.before
        # as this one has become the earlier
        return self.remaining - self.length + self.length * (1 - room / self.now)
