"""Audio and video of one sender on one timeline, by its RTCP sender reports: pure.

Each report says which RTP timestamp belongs to which time of the sender's clock. Sound is placed in
session time first and never moved; a picture is placed where the sound of the same moment is. If
reports of either are missing, a picture is placed by its arrival.
"""

from collections import deque
from statistics import median

REPORTS = 8  # of a stream, whose median counts: aiortc's are some milliseconds early or late
MAX_CORRECTION = 1.0  # seconds from arrival: a sender whose reports say more has two clocks


class SenderClock:
    """The sender's clock by the RTP timestamps of one stream, which do not wrap, at `rate` Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._zeros: deque[float] = deque(maxlen=REPORTS)  # the sender's time at timestamp 0

    def note(self, sent: float, timestamp: int) -> None:
        """Take a report: at `sent`, in seconds, the timestamp was `timestamp`."""
        self._zeros.append(sent - timestamp / self._rate)

    def time(self, timestamp: int) -> float | None:
        """Return the sender's time at `timestamp`, None before the first report."""
        return median(self._zeros) + timestamp / self._rate if self._zeros else None

    def forget(self) -> None:
        """Forget all reports; another stream begins."""
        self._zeros.clear()


class Alignment:
    """Session time by the clock of one sender; shared by its audio and video."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def place_audio(self, sent: float, position: float) -> None:
        """Note that sound of the sender's time `sent` is at session time `position`."""
        self._offset = position - sent

    def place_video(self, sent: float | None, arrival: float) -> float | None:
        """Return the session time of a picture of the sender's time `sent`, None if unknown."""
        if sent is None or self._offset is None:
            return None
        position = sent + self._offset
        return position if abs(position - arrival) <= MAX_CORRECTION else None
