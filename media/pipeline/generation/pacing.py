"""How much may be drawn in the time there is: pure.

A chunk of pictures must be made in the time that it is shown. Where that fails, first the steps
become fewer, then the pictures: what a person asks for is never late because of what waits.
"""

from dataclasses import dataclass, replace
from math import ceil
from statistics import median

TIGHT = 0.9  # of the time that a chunk is shown: making one that takes longer is behind
EASY = 0.75  # the same, for what more steps or pictures would take
CALM = 16  # chunks in a row made in time before more is tried: 4 s
LOOK_BACK = 3  # chunks whose median tells what one takes: a lone slow one tells nothing
STEP_UP = 1.25  # by which the rate grows again
MARGIN = 1.5  # times what a chunk takes: how early it is begun
SLOWEST = 1.0  # pictures a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is asked for: `fewest` steps are what may be fallen back to."""

    steps: int
    fewest: int
    rate: float
    chunk: int  # pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is done for it: steps a chunk, pictures a second; what the last chunks took, in s."""

    steps: int
    rate: float
    took: tuple[float, ...] = ()
    calm: int = 0

    @property
    def cost(self) -> float | None:
        """Seconds that a chunk takes, as far as that is known."""
        return median(self.took) if self.took else None


def begin(goal: Goal) -> Pace:
    """Return the pace that does all that is asked."""
    return Pace(steps=goal.steps, rate=goal.rate)


def measured(pace: Pace, goal: Goal, seconds: float) -> Pace:
    """Return the pace after a chunk that took `seconds` to make."""
    took = (*pace.took, seconds)[-LOOK_BACK:]
    pace = replace(pace, took=took)
    if len(took) < LOOK_BACK:
        return pace
    cost = median(took)
    if cost > TIGHT * goal.chunk / pace.rate:
        return _slower(pace, goal, cost)
    if pace.steps == goal.steps and pace.rate == goal.rate:
        return pace
    pace = replace(pace, calm=pace.calm + 1)
    return pace if pace.calm < CALM else _faster(pace, goal, cost)


def _slower(pace: Pace, goal: Goal, cost: float) -> Pace:
    if pace.steps > goal.fewest:
        return Pace(steps=pace.steps - 1, rate=pace.rate)
    rate = max(SLOWEST, TIGHT**2 * goal.chunk / cost)
    return Pace(steps=pace.steps, rate=min(rate, pace.rate))


def _faster(pace: Pace, goal: Goal, cost: float) -> Pace:
    """Return a pace with more pictures, or else more steps, if there is time for them."""
    if pace.rate < goal.rate:
        rate = min(goal.rate, pace.rate * STEP_UP)
        fits = cost <= EASY * goal.chunk / rate
        return Pace(steps=pace.steps, rate=rate) if fits else replace(pace, calm=0)
    more = pace.steps + 1
    fits = cost * (more + 1) / more <= EASY * goal.chunk / goal.rate  # one call more, to remember
    return Pace(steps=more, rate=pace.rate) if fits else replace(pace, calm=0)


def spare(pace: Pace, chunk: int) -> int:
    """Return how many pictures may still wait when the next chunk is begun, so as to be in time.

    The later it is begun, the newer are the controls it follows. It must be ready one picture
    after those that wait.
    """
    if pace.cost is None:
        return chunk
    return min(chunk, max(1, ceil(MARGIN * pace.cost * pace.rate) - 1))
