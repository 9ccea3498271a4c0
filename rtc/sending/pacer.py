"""Lets packets leave over time: a burst would fill the queues of a narrow path.

What is urgent leaves at once, and counts: after it, the others wait longer.
"""

import enum
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")
FACTOR = 2.5  # times the target at which packets leave, as in libwebrtc: frames differ in size
BURST = 0.005  # seconds at the pace that may leave together: timers are not exact
MAX_DEBT = 0.1  # seconds by which urgent packets can hold up the others
MAX_COPIES = 32  # packets
BITS = 8  # in a byte


class Priority(enum.IntEnum):
    """URGENT is not paced: audio, which is small and regular."""

    URGENT = 0
    REPEATED = 1
    NORMAL = 2
    EXTRA = 3  # copies, after what they protect


class Pacer(Generic[T]):
    """A queue for each priority; times are in seconds, sizes in bytes, and bitrates in bit/s."""

    def __init__(self) -> None:
        self.waiting = 0  # bytes
        self._queues: dict[Priority, deque[tuple[T, int]]] = {each: deque() for each in Priority}
        self._free_at = 0.0  # when the next packet may leave

    def put(self, packet: T, size: int, priority: Priority) -> None:
        """Let `packet` wait behind those of its priority; of copies only the newest wait."""
        queue = self._queues[priority]
        queue.append((packet, size))
        self.waiting += size
        if priority is Priority.EXTRA and len(queue) > MAX_COPIES:
            self.waiting -= queue.popleft()[1]

    def take(self, time: float, bitrate: float) -> list[T]:
        """Return the packets that leave at `time`."""
        taken: list[T] = []
        pace = FACTOR * bitrate / BITS  # bytes a second
        self._free_at = max(self._free_at, time - BURST)
        for priority, queue in self._queues.items():
            while queue and (priority is Priority.URGENT or self._free_at <= time):
                packet, size = queue.popleft()
                self.waiting -= size
                self._free_at = min(self._free_at + size / pace, time + MAX_DEBT + size / pace)
                taken.append(packet)
        return taken

    def next_time(self, time: float) -> float | None:
        """Return when to call `take` next, None if nothing waits."""
        if self._queues[Priority.URGENT]:
            return time
        return max(time, self._free_at) if self.waiting else None

    def delay(self, bitrate: float) -> float:
        """Return the seconds that what waits will take to leave, without copies."""
        copies = sum(size for _, size in self._queues[Priority.EXTRA])
        return BITS * (self.waiting - copies) / (FACTOR * bitrate)

    def clear(self) -> None:
        """Drop what waits."""
        for queue in self._queues.values():
            queue.clear()
        self.waiting = 0
