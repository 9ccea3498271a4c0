"""Sequence numbers of RTP as numbers that do not wrap: RFC 3550, appendix A.1."""

WRAP = 1 << 16
MAX_AHEAD, MAX_BEHIND = 3000, 1500  # packets: MAX_DROPOUT, and more than MAX_MISORDER


class Numbering:
    """Extends the sequence numbers of one source, which may begin anew.

    A number that is far from the newest counts only once the next one has come, too: then the
    source has begun anew, and `restarts` counts it.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._highest: int | None = None
        self._suspect: int | None = None  # the number that would prove that a source began anew

    def extend(self, number: int) -> int | None:
        """Return the extended `number`, or None if it is not believed."""
        if self._highest is None:
            self._highest = number + WRAP  # so that those before it are positive
            return self._highest
        ahead = (number - self._highest + WRAP // 2) % WRAP - WRAP // 2
        if not -MAX_BEHIND <= ahead <= MAX_AHEAD:
            if number != self._suspect:
                self._suspect = (number + 1) % WRAP
                return None
            self.restarts += 1
            ahead %= WRAP
        self._suspect = None
        extended = self._highest + ahead
        self._highest = max(self._highest, extended)
        return extended
