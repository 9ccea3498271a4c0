"""Which packets of a transport arrived, and the reports about them that the sender gets.

The sender's own controller, Chromium's for one, works from these reports.
"""

from rtc.congestion.feedback import DELTA, MAX_STATUSES, Feedback, fits
from rtc.congestion.sequence import WRAP, Unwrapper

INTERVAL = 0.1  # seconds between two reports: libwebrtc sends one each 50 to 250 ms
REPEATED = 0.5  # seconds for which an arrival is told again, if an older packet comes late
TICKS = 1_000_000 / DELTA  # in a second


class ArrivalLog:
    """The arrivals of one transport that are still to be reported; `time` is in seconds."""

    def __init__(self) -> None:
        self._unwrapper = Unwrapper()
        self._arrivals: dict[int, float] = {}
        self._first_new: int | None = None  # the lowest number that is to be reported
        self._end = 0  # after the highest number that was reported
        self._reports = 0

    def add(self, number: int, time: float) -> None:
        """Note that the packet `number` came; a second copy changes nothing."""
        value = self._unwrapper.unwrap(number)
        if value in self._arrivals:
            return
        if not self._arrivals and self._first_new is None and not self._reports:
            self._end = value
        self._arrivals[value] = time
        self._first_new = value if self._first_new is None else min(value, self._first_new)

    def reports(self, sender_ssrc: int, media_ssrc: int, time: float) -> list[Feedback]:
        """Return reports of everything new at `time`, lost packets between included."""
        if self._first_new is None:
            return []
        first, last = self._first_new, max(self._arrivals)
        first = max(min(first, self._end), last + 1 - MAX_STATUSES)
        numbers = range(first, last + 1)
        found = [
            Feedback(
                sender_ssrc=sender_ssrc,
                media_ssrc=media_ssrc,
                number=(self._reports + index) % 256,
                base=base % WRAP,
                arrivals=arrivals,
            )
            for index, (base, arrivals) in enumerate(_split(numbers, self._arrivals))
        ]
        self._reports += len(found)
        self._first_new, self._end = None, last + 1
        kept = {n: at for n, at in self._arrivals.items() if time - at <= REPEATED}
        self._arrivals = kept
        return found


def _split(numbers: range, arrivals: dict[int, float]) -> list[tuple[int, tuple[int | None, ...]]]:
    """Return the first number and the arrivals of each report: times in one lie close together."""
    parts: list[tuple[int, list[int | None]]] = [(numbers.start, [])]
    latest: int | None = None
    for number in numbers:
        time = arrivals.get(number)
        tick = None if time is None else round(time * TICKS)
        if tick is not None:
            if latest is not None and not fits(latest, tick):
                parts.append((number, []))
            latest = tick
        parts[-1][1].append(tick)
    return [(base, tuple(ticks)) for base, ticks in parts]
