"""Sequence numbers of 16 bits on a line without end."""

WRAP = 1 << 16


class Unwrapper:
    """Gives each number the value nearest to the highest so far, from 0 up."""

    def __init__(self) -> None:
        self._highest: int | None = None

    def unwrap(self, number: int) -> int:
        """Return the value of `number`, which may lie 32767 ahead and 32768 behind."""
        if self._highest is None:
            self._highest = number
            return number
        ahead = (number - self._highest + WRAP // 2) % WRAP - WRAP // 2
        value = self._highest + ahead
        self._highest = max(self._highest, value)
        return value
