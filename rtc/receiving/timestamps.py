"""RTP timestamps as numbers that do not wrap."""

WRAP = 1 << 32


class ReorderedTimestamps:
    """Extends RTP timestamps of 32 bits; frames come in the order of decoding.

    With B-frames, timestamps go back without having wrapped.
    """

    def __init__(self) -> None:
        self._origin: int | None = None
        self._last = 0

    def map(self, timestamp: int) -> int:
        """Return the ticks since the first timestamp."""
        if self._origin is None:
            self._origin = self._last = timestamp
        ahead = (timestamp - self._last + WRAP // 2) % WRAP - WRAP // 2
        self._last += ahead
        return self._last - self._origin
