"""When the newest picture stands in for one that is lost or late: pure.

A Video-LLM samples a stream at certain moments. Where a frame does not come in time, because its
packets are requested again or a keyframe is, the model does not wait: at least every `period`
seconds the session gets a frame, the newest complete one if need be. That says for which moment it
stands, and keeps the time of its capture, so frames that come later still have their places.
"""

from dataclasses import dataclass, replace

from media.frames import VIDEO_CLOCK_HZ, Gap

LATE = 1.5  # times the longest of the last intervals between frames, after which one is late
INTERVALS = 3  # between frames, of which the longest counts
MAX_AGE = 3.0  # seconds: what was true then need not be true now
GRACE = 0.02  # seconds that a frame may be later than its moment


@dataclass(frozen=True, slots=True)
class Substitution:
    """What a session has got of a stream, in ticks of 90 kHz; None before the first frame.

    `newest` is the capture of the newest frame, `shown` the newest moment with a frame or
    substitute.
    """

    period: float
    newest: int | None = None
    shown: int = -1
    intervals: tuple[float, ...] = ()

    def after(self, pts: int, *, follows: bool) -> tuple["Substitution", Gap | None]:
        """Return the state after a frame, and what is missing before it.

        With `follows`, nothing was lost between it and the frame before.
        """
        if self.newest is None:
            return replace(self, newest=pts, shown=pts), None
        interval = (pts - self.newest) / VIDEO_CLOCK_HZ
        usual = max(self.intervals, default=0.0)
        state = replace(self, newest=pts, shown=max(pts, self.shown))
        if follows:
            intervals = (*self.intervals, interval)[-INTERVALS:]
            return replace(state, intervals=intervals), None
        if not usual or interval <= LATE * usual:
            return state, None
        start, end = self.newest / VIDEO_CLOCK_HZ + usual, pts / VIDEO_CLOCK_HZ
        return state, Gap("video", start, end, concealed=self.shown > self.newest)

    def due(self) -> float | None:
        """Return the session time at which a substitute is due if nothing comes, None if never."""
        if self.newest is None or not self.intervals:
            return None
        newest = self.newest / VIDEO_CLOCK_HZ
        due = max(self._moment() / VIDEO_CLOCK_HZ, newest + LATE * max(self.intervals)) + GRACE
        return due if due - newest <= MAX_AGE else None

    def substituted(self) -> "Substitution":
        """Return the state after a substitute, which stands at `shown`."""
        return replace(self, shown=self._moment())

    def _moment(self) -> int:
        return self.shown + round(self.period * VIDEO_CLOCK_HZ)
