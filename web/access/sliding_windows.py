"""Counts of the last seconds, by the storage of the package `limits`.

A window is approximated by two fixed ones, the earlier weighted by how much of it is still inside,
so that a client costs two numbers however much it asks for.
"""

from dataclasses import dataclass, field

from limits.storage import MemoryStorage

from web.access.keys.window_counts import WindowCounts


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """What was used, by name and length of the window in seconds."""

    _storage: MemoryStorage = field(default_factory=MemoryStorage)

    def take(self, name: str, window: int, limit: int) -> bool:
        """Use one if no more than `limit` are used then; return whether that is so."""
        taken: bool = self._storage.acquire_sliding_window_entry(name, limit, window, 1)
        return taken

    def wait(self, name: str, window: int, limit: int) -> float:
        """Return the seconds after which one more can be taken; those of the window if never."""
        return WindowCounts(window, *self._storage.get_sliding_window(name, window)).wait(limit)
