"""Counts of the last seconds, by the storage of the package `limits`.

A window is approximated by two fixed ones, the earlier weighted by how much of it is still inside,
so that a client costs two numbers however much it asks for.
"""

from dataclasses import dataclass, field

from limits.storage import MemoryStorage


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """What was used, by name and length of the window in seconds."""

    _storage: MemoryStorage = field(default_factory=MemoryStorage)

    def take(self, name: str, window: int, limit: int, amount: int = 1) -> bool:
        """Use `amount` if no more than `limit` are used then; return whether that is so."""
        taken: bool = self._storage.acquire_sliding_window_entry(name, limit, window, amount)
        return taken

    def used(self, name: str, window: int) -> float:
        """Return how much was used in the last `window` seconds."""
        before, inside, now, _ = self._counts(name, window)
        return before * inside / window + now

    def wait(self, name: str, window: int, limit: int, amount: int = 1) -> float:
        """Return the seconds after which `amount` can be taken; those of the window if never."""
        before, inside, now, remaining = self._counts(name, window)
        room = limit - amount + 1  # uses below this leave room, as the storage rounds down
        if room <= 0:
            return float(window)
        if before * inside / window + now < room:
            return 0.0
        if now < room:  # as the earlier window leaves
            return inside - (room - now) * window / before
        return remaining - window + window * (1 - room / now)  # as this one has become the earlier

    def _counts(self, name: str, window: int) -> tuple[int, float, int, float]:
        """Return both fixed windows: what was used in the earlier, for how long it still counts.

        And the same of the one that runs.
        """
        counts: tuple[int, float, int, float] = self._storage.get_sliding_window(name, window)
        return counts
