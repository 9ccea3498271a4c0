"""The bitrate of a stream of packets over the last moments."""

from collections import deque

BITS = 8  # in a byte
WINDOW = 0.5  # seconds


class Throughput:
    """Bitrate within the last `window` seconds; times must not go back."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._packets: deque[tuple[float, int]] = deque()
        self._bytes = 0
        self._first: float | None = None

    def add(self, size: int, time: float) -> None:
        """Note a packet of `size` bytes."""
        self._first = time if self._first is None else self._first
        self._packets.append((time, size))
        self._bytes += size
        self._forget(time)

    def rate(self, time: float) -> float | None:
        """Return the bitrate at `time`, None before half of the window is known."""
        self._forget(time)
        if self._first is None or time - self._first < self._window / 2:
            return None
        return BITS * self._bytes / min(self._window, time - self._first)

    def _forget(self, time: float) -> None:
        while self._packets and self._packets[0][0] <= time - self._window:
            self._bytes -= self._packets.popleft()[1]
