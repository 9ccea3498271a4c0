"""Which observations are stored: the start and end of each scene, and one at each interval.

A classifier's output flickers. So a change counts only if it is clear, if it lasts, or if it shows
a thing that was not stored in the last minute. A budget limits what is stored in an hour. The
functions are pure: observations in, observations to store out.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.scene_making import MAIN_PROBABILITY
from models.vision.class_names import NAMES

MIN_DURATION = 0.9  # seconds that an unclear change must last: two observations at 2 a second
BURST = 60.0  # observations that can be stored without a pause
REFILL = 0.2  # observations a second by which the budget grows: at most 720 an hour
MAX_PEOPLE = 3  # one person more than this starts no new scene
GLIMPSE_PROBABILITY = 0.2  # at which a thing is stored even if it does not last
GLIMPSE_INTERVAL = 60.0  # seconds before such a thing is stored again
GONE_PROBABILITY = 0.05  # at or below which the earlier thing is no longer there


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyState:
    """`stored` is the observation stored last, `last_alike` the newest that shows the same.

    `candidate` is the first observation of a change that is not confirmed yet. `last_shown` is
    when each of `NAMES` was last in a stored observation, in seconds.
    """

    stored: Observation | None = None
    last_alike: Observation | None = None
    candidate: Observation | None = None
    budget: float = BURST
    last_shown: Tensor = field(default_factory=lambda: torch.full((len(NAMES),), -torch.inf))


def select_novel(
    state: NoveltyState, observation: Observation, *, interval: float
) -> tuple[NoveltyState, tuple[Observation, ...]]:
    """Return the observations to store after `observation`, in order of time.

    A scene that lasts is stored again every `interval` seconds.
    """
    stored, last_alike, time = state.stored, state.last_alike, observation.scene.time
    if stored is None or last_alike is None:
        shown = _last_shown(state, observation)
        return NoveltyState(observation, observation, last_shown=shown), (observation,)
    budget = min(BURST, state.budget + REFILL * (time - _previous_time(state)))
    state = replace(state, budget=budget)
    due = time - stored.scene.time >= interval
    if scene_key(observation.scene) == scene_key(stored.scene):
        state = replace(state, last_alike=observation, candidate=None)
        if not due:
            return state, ()
        shown = _last_shown(state, observation)
        return replace(state, stored=observation, last_shown=shown), (observation,)
    start = _scene_start(state, observation)
    if start is None and due:
        start = observation
    if start is None or (state.budget < 2 and not due):
        return replace(state, candidate=_candidate(state, observation)), ()
    ended = (last_alike,) if last_alike.scene.time > stored.scene.time else ()
    novel = (*ended, start)
    budget = max(0.0, state.budget - len(novel))
    return NoveltyState(start, observation, None, budget, _last_shown(state, start)), novel


def select_final(
    state: NoveltyState, newest: Observation
) -> tuple[NoveltyState, tuple[Observation, ...]]:
    """Return the observations to store at the end of a stream that ends with `newest`."""
    stored = state.stored
    assert stored is not None
    last = (state.last_alike, newest) if state.last_alike is not newest else (newest,)
    final = tuple(o for o in last if o is not None and o.scene.time > stored.scene.time)
    return replace(state, stored=newest, last_alike=newest, candidate=None), final


def scene_key(scene: SceneEntry) -> tuple[str, tuple[str, ...], int, tuple[str, ...]]:
    """Return what distinguishes two scenes: not color and place, which flicker too much."""
    main = scene.names[0][0] if scene.names else ""
    return main, scene.others, min(scene.people, MAX_PEOPLE), scene.actions


def _candidate(state: NoveltyState, observation: Observation) -> Observation:
    """Return the first observation of the change that `observation` belongs to."""
    candidate = state.candidate
    if candidate is not None and scene_key(candidate.scene) == scene_key(observation.scene):
        return candidate
    return observation


def _scene_start(state: NoveltyState, observation: Observation) -> Observation | None:
    """Return the first observation of a new scene, if one is confirmed."""
    candidate = state.candidate
    if candidate is not None and scene_key(candidate.scene) == scene_key(observation.scene):
        lasted = observation.scene.time - candidate.scene.time >= MIN_DURATION
        return candidate if lasted else None
    assert state.stored is not None
    long_ago = observation.scene.time - state.last_shown > GLIMPSE_INTERVAL
    glimpse = bool((long_ago & (observation.probabilities >= GLIMPSE_PROBABILITY)).any())
    clear = glimpse or _clearly_different(state.stored.scene, observation)
    return observation if clear else None


def _last_shown(state: NoveltyState, observation: Observation) -> Tensor:
    absent = observation.probabilities < GLIMPSE_PROBABILITY / 2
    return state.last_shown.where(absent, observation.scene.time)


def _clearly_different(stored: SceneEntry, observation: Observation) -> bool:
    """Return whether `observation` clearly shows another main thing than `stored`."""
    names = observation.scene.names
    before = stored.names[0][0] if stored.names else ""
    if not names or names[0][0] == before or names[0][0] not in NAMES:
        return False
    probabilities = observation.probabilities
    clear = float(probabilities[NAMES.index(names[0][0])]) >= MAIN_PROBABILITY
    remaining = float(probabilities[NAMES.index(before)]) if before in NAMES else 0.0
    return clear and remaining <= GONE_PROBABILITY


def _previous_time(state: NoveltyState) -> float:
    """Return the time of the previous observation, in seconds."""
    held = (state.stored, state.last_alike, state.candidate)
    return max(observation.scene.time for observation in held if observation is not None)
