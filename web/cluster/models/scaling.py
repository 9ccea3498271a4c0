"""How many workers there should be, by how long jobs wait at them: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from web.cluster.models.messages import WorkerLoad

GROW_AFTER = 2.0  # seconds of waits that are too long
SHRINK_AFTER = 60.0  # seconds in which one worker less would have been enough
CALM = 0.25  # of the wait for which one starts, below which one may end
FULL = 0.7  # busy part of the workers that stay, at most, when one ends


@dataclass(slots=True)
class Scaling:
    """The number of workers, from `least` to `most`; `wait` seconds in the mean are too long."""

    least: int
    most: int
    wait: float
    _long_since: float | None = None
    _calm_since: float | None = None

    def wanted(self, loads: Sequence[WorkerLoad], starting: int, now: float) -> int:
        """Return how many workers there should be, where `loads` run and others are `starting`."""
        count = len(loads) + starting
        if count < self.least or not loads:
            return max(count, self.least)
        wait = sum(each.wait for each in loads) / len(loads)
        busy = sum(each.busy for each in loads)
        self._long_since = _since(self._long_since, wait > self.wait and starting == 0, now)
        spare = count > self.least and busy < FULL * (count - 1) and wait < CALM * self.wait
        self._calm_since = _since(self._calm_since, spare, now)
        if self._long_since is not None and now - self._long_since >= GROW_AFTER:
            self._long_since = None
            return min(count + 1, self.most)
        if self._calm_since is not None and now - self._calm_since >= SHRINK_AFTER:
            self._calm_since = None
            return count - 1
        return min(count, self.most)


def _since(before: float | None, holds: bool, now: float) -> float | None:
    """Return since when something holds, None if it does not."""
    if not holds:
        return None
    return now if before is None else before
