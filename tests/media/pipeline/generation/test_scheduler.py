"""The scheduler alone: random states, and whole sessions simulated without a model."""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, isclose

from hypothesis import given
from hypothesis import strategies as st

from media.pipeline.generation.scheduler import (
    Generate,
    ScheduleState,
    ShowNext,
    Wait,
    replaces,
    schedule,
)

RATE = 16.0
CHUNK = 4
IDLE = ScheduleState(
    allowed=True,
    generating=False,
    outdated=False,
    replacing=False,
    waiting=0,
    next_ready=False,
    lead=0.0,
    due=0.0,
    replaced=-inf,
    frame_seconds=1 / RATE,
    chunk_seconds=CHUNK / RATE,
)

times = st.floats(0, 10)
states = st.builds(
    ScheduleState,
    allowed=st.booleans(),
    generating=st.booleans(),
    outdated=st.booleans(),
    replacing=st.booleans(),
    waiting=st.integers(0, CHUNK),
    next_ready=st.booleans(),
    lead=st.one_of(st.just(0.0), st.floats(0.001, 1)),
    due=times,
    replaced=st.one_of(st.just(-inf), times),
    frame_seconds=st.floats(0.01, 1.0),
    chunk_seconds=st.floats(0.1, 4.0),
)


@given(states, times)
def test_each_action_is_possible_and_a_wait_ends(state: ScheduleState, now: float) -> None:
    match schedule(state, now):
        case Generate(replacing):
            assert state.allowed
            assert not state.generating
            assert replacing == (state.replacing or replaces(state, now))
            assert replacing or (now >= state.start and not state.next_ready)
            assert state.lead > 0 or now >= state.due
        case ShowNext():
            assert state.waiting
            assert now >= state.due
        case Wait(until):
            assert until > now
            assert until in (state.due, state.start, inf)
            if until != inf and state.allowed and not (state.generating or state.next_ready):
                assert until <= max(state.start, now)  # it wakes in time to start a chunk


@given(states, times)
def test_frames_are_shown_in_time_while_a_chunk_is_in_progress(
    state: ScheduleState, now: float
) -> None:
    state = replace(state, generating=True)
    assert isinstance(schedule(state, now), ShowNext) == (state.waiting > 0 and now >= state.due)


@given(states, times)
def test_nothing_starts_that_is_not_allowed(state: ScheduleState, now: float) -> None:
    assert not isinstance(schedule(replace(state, allowed=False), now), Generate)


@dataclass
class Simulation:
    """A session of chunks that take `cost` seconds each; 0 as in a replay."""

    cost: float
    state: ScheduleState
    shown: list[float]
    started: list[float]
    replacements: list[float]
    done: float = inf  # when the chunk in progress is complete

    def run(self, until: float, changes: list[float]) -> None:
        """Run to `until`; at each of `changes` a control makes waiting frames outdated."""
        now, waiting_changes = 0.0, sorted(changes)
        while now <= until:
            while waiting_changes and waiting_changes[0] <= now:
                waiting_changes.pop(0)
                self.state = replace(self.state, outdated=True)
            if now >= self.done:
                self.complete(now)
            match schedule(self.state, now):
                case Generate(replacing):
                    self.start(now, replacing=replacing)
                case ShowNext():
                    self.show(now)
                case Wait(time):
                    now = min(time, self.done, *waiting_changes[:1], until + 1)

    def start(self, now: float, *, replacing: bool) -> None:
        self.started.append(now)
        self.done = now + self.cost
        self.state = replace(self.state, generating=True, outdated=False, replacing=replacing)
        if replacing:
            self.replacements.append(now)
            self.state = replace(self.state, replaced=now, next_ready=False)

    def complete(self, now: float) -> None:
        state = replace(self.state, generating=False)
        if state.replacing or not state.waiting:
            due = state.due if state.waiting else max(state.due, now)
            self.state = replace(state, replacing=False, waiting=CHUNK, due=due)
        else:
            self.state = replace(state, next_ready=True)
        self.done = inf

    def show(self, now: float) -> None:
        self.shown.append(now)
        state = replace(self.state, waiting=self.state.waiting - 1)
        if not state.waiting and state.next_ready:
            state = replace(state, waiting=CHUNK, next_ready=False)
        self.state = replace(state, due=max(state.due + 1 / RATE, now))


def simulated(
    cost: float, lead: float, changes: list[float], *, seconds: float = 4.0
) -> Simulation:
    simulation = Simulation(cost, replace(IDLE, lead=lead), [], [], [])
    simulation.run(seconds, changes)
    return simulation


changes = st.lists(st.floats(0, 4), max_size=30)


@given(changes)
def test_a_replay_shows_each_frame_at_its_time(changes: list[float]) -> None:
    shown = simulated(0.0, 0, changes).shown
    assert len(shown) == 4 * RATE + 1
    assert all(isclose(time, n / RATE) for n, time in enumerate(shown))


def test_a_replay_starts_a_chunk_when_its_first_frame_is_due() -> None:
    started = simulated(0.0, 0, []).started
    assert started == [n * CHUNK / RATE for n in range(17)]


@given(changes, st.floats(0, 1))
def test_waiting_frames_are_replaced_at_most_once_in_the_time_of_a_chunk(
    changes: list[float], cost: float
) -> None:
    replacements = simulated(cost, 1 / RATE, changes).replacements
    assert all(b - a >= CHUNK / RATE for a, b in pairwise(replacements))


@given(changes, st.floats(0.01, 0.12))
def test_a_fast_generator_leaves_a_gap_only_for_a_replacement(
    changes: list[float], cost: float
) -> None:
    steady, changed = (simulated(cost, 0.13, each).shown for each in ([], changes))
    assert steady[0] == cost
    assert all(isclose(b - a, 1 / RATE) for a, b in pairwise(steady))
    assert all(b - a <= cost + 1 / RATE for a, b in pairwise(changed))


@given(st.floats(0, 1), st.floats(0.01, CHUNK / RATE))
def test_a_chunk_starts_by_its_lead_before_its_first_frame_is_shown(
    cost: float, lead: float
) -> None:
    simulation = simulated(cost, lead, [])
    for number, start in enumerate(simulation.started):
        first = simulation.shown[CHUNK * number : CHUNK * number + 1]
        assert not first or first[0] - start <= max(lead, cost) + 1e-9
