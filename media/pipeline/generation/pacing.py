"""How many steps and frames fit into real time: pure.

A chunk must be generated in the time that it is shown. If it is not, first the steps become fewer,
then the frames a second.
"""

from dataclasses import dataclass, replace
from statistics import median

MAX_LOAD = 0.9  # of the time that a chunk is shown; a chunk that takes longer is behind
TARGET_LOAD = 0.75  # the same, estimated for more steps or frames before they are tried
CALM_CHUNKS = 16  # chunks in time before more is tried: 4 s
MEDIAN_OF = 3  # chunks; a single slow one changes nothing
RATE_STEP = 1.25  # factor by which the rate grows again
LEAD_MARGIN = 1.25  # times the slowest of the last chunks: how early the next one starts
LEAD_SLACK = 0.01  # seconds more: until a timer wakes its task on a busy machine
MIN_RATE = 1.0  # frames a second


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceTarget:
    """What the session wants, and the fewest steps that are acceptable."""

    steps: int
    min_steps: int
    rate: float  # frames a second
    chunk: int  # frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The present steps a chunk and frames a second; `durations` of the last chunks in seconds."""

    steps: int
    rate: float
    durations: tuple[float, ...] = ()
    calm: int = 0  # chunks in time in a row

    @property
    def cost(self) -> float | None:
        """Return the seconds that a chunk takes; None before the first."""
        return median(self.durations) if self.durations else None


def initial_pace(target: PaceTarget) -> Pace:
    return Pace(steps=target.steps, rate=target.rate)


def update_pace(pace: Pace, target: PaceTarget, seconds: float) -> Pace:
    """Return the pace after a chunk that took `seconds`."""
    durations = (*pace.durations, seconds)[-MEDIAN_OF:]
    pace = replace(pace, durations=durations)
    if len(durations) < MEDIAN_OF:
        return pace
    cost = median(durations)
    if cost > MAX_LOAD * target.chunk / pace.rate:
        return _slower(pace, target, cost)
    if pace.steps == target.steps and pace.rate == target.rate:
        return pace
    pace = replace(pace, calm=pace.calm + 1)
    return pace if pace.calm < CALM_CHUNKS else _faster(pace, target, cost)


def _slower(pace: Pace, target: PaceTarget, cost: float) -> Pace:
    if pace.steps > target.min_steps:
        return Pace(steps=pace.steps - 1, rate=pace.rate)
    rate = max(MIN_RATE, MAX_LOAD**2 * target.chunk / cost)
    return Pace(steps=pace.steps, rate=min(rate, pace.rate))


def _faster(pace: Pace, target: PaceTarget, cost: float) -> Pace:
    """Return a pace with more frames, or else more steps, if there is time for them."""
    if pace.rate < target.rate:
        rate = min(target.rate, pace.rate * RATE_STEP)
        fits = cost <= TARGET_LOAD * target.chunk / rate
        return Pace(steps=pace.steps, rate=rate) if fits else replace(pace, calm=0)
    more = pace.steps + 1
    # A chunk calls the network once more than its steps, to remember what it made.
    fits = cost * (more + 1) / more <= TARGET_LOAD * target.chunk / target.rate
    return Pace(steps=more, rate=pace.rate) if fits else replace(pace, calm=0)


def lead_time(pace: Pace, chunk: int) -> float:
    """Return how many seconds before its first frame is due a chunk of `chunk` frames starts.

    The later it starts, the newer its controls are. The slowest of the last chunks counts.
    """
    shown = chunk / pace.rate
    if not pace.durations:
        return shown
    return min(shown, LEAD_MARGIN * max(pace.durations) + LEAD_SLACK)
