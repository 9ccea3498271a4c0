"""When to generate a chunk and when to show a frame: pure, for live sessions and replays.

A chunk starts as late as possible, so that it follows the newest controls: by the time that it
takes before its first frame is due. At most one waits behind the one that is being shown. A control
that makes waiting frames outdated has them replaced, at most once in the time of a chunk.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """The state of generation; times are in seconds, and `waiting` counts frames.

    The next chunk starts `lead` before its first frame is due. With `lead` 0 a chunk takes no time,
    as in a replay.
    """

    allowed: bool  # a chunk may start
    generating: bool  # a chunk is in progress
    outdated: bool  # waiting frames follow older controls
    replacing: bool  # a replacement has started, and no frame of it is complete
    waiting: int
    next_ready: bool  # the chunk after the waiting frames is complete
    lead: float
    due: float  # time of the next frame
    replaced: float  # time of the last replacement
    frame_seconds: float  # for which a frame is shown
    chunk_seconds: float  # for which a chunk is shown

    @property
    def start(self) -> float:
        """The time from which on the next chunk may start."""
        return self.due + self.waiting * self.frame_seconds - self.lead


@dataclass(frozen=True, slots=True)
class Generate:
    """Start a chunk; with `replacing` it takes the place of all waiting frames."""

    replacing: bool


@dataclass(frozen=True, slots=True)
class ShowNext:
    """Show the next frame."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before `until`, unless the state changes."""

    until: float


Action = Generate | ShowNext | Wait


def schedule(state: ScheduleState, now: float) -> Action:
    due = now >= state.due
    if state.allowed and not state.generating and (due or state.lead > 0):
        if state.replacing or replaces(state, now):
            return Generate(replacing=True)
        if not state.next_ready and now >= state.start:
            return Generate(replacing=False)
    if state.waiting and due:
        return ShowNext()
    if due or not (state.waiting or state.allowed):
        return Wait(inf)
    starts = state.allowed and not state.next_ready and now < state.start
    return Wait(min(state.due, state.start) if starts else state.due)


def replaces(state: ScheduleState, now: float) -> bool:
    """Return whether frames that wait, or are complete at `now`, are to be replaced."""
    return state.outdated and now - state.replaced >= state.chunk_seconds
