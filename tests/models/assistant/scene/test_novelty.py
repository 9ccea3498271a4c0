"""Which observations are remembered: scenes from begin to end, not the wavering of a classifier."""

import itertools
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.scene.novelty import (
    BURST,
    MAX_PEOPLE,
    REFILL,
    NoveltyState,
    select_final,
    select_novel,
)
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.vision.class_names import NAMES

EVERY = 10.0
SHOWN = st.lists(
    st.tuples(st.sampled_from(["cup", "dog", "ball"]), st.sampled_from([0.2, 0.9])), max_size=40
)


def observation(
    name: str, time: float, *, probability: float = 0.9, people: int = 0
) -> Observation:
    probabilities = torch.zeros(len(NAMES))
    if name in NAMES:
        probabilities[NAMES.index(name)] = probability
    names = ((name, 1.0),) if name else ()
    return Observation(SceneEntry(time=time, names=names, people=people), probabilities)


def kept(observations: list[Observation], *, every: float = EVERY) -> list[tuple[float, str]]:
    state = NoveltyState()
    found: list[Observation] = []
    for each in observations:
        state, fresh = select_novel(state, each, interval=every)
        found += fresh
    if observations:
        found += select_final(state, observations[-1])[1]
    return [(one.scene.time, one.scene.names[0][0] if one.scene.names else "") for one in found]


def test_a_clear_change_counts_at_once_with_the_last_frame_of_the_old_scene() -> None:
    observations = [observation("cup", t) for t in (0.0, 0.5, 1.0)] + [observation("dog", 1.5)]
    assert kept(observations) == [(0.0, "cup"), (1.0, "cup"), (1.5, "dog")]


def test_an_unclear_change_counts_from_its_first_observation_once_it_has_stayed() -> None:
    observations = [observation("cup", 0.0), observation("cup", 0.5)]
    unclear = [observation("dog", t, probability=0.15) for t in (1.0, 1.5, 2.0)]
    assert kept([*observations, *unclear[:2], observation("cup", 2.0)]) == [
        (0.0, "cup"),
        (2.0, "cup"),
    ]
    assert kept([*observations, *unclear])[:3] == [(0.0, "cup"), (0.5, "cup"), (1.0, "dog")]


def test_a_person_counts_once_seen_twice_and_one_more_in_a_crowd_does_not() -> None:
    observations = [observation("cup", t / 2, people=int(t in (3, 5, 6, 7))) for t in range(8)]
    assert [time for time, _ in kept(observations)] == [0.0, 2.0, 2.5, 3.5]
    crowd = [observation("cup", t / 2, people=MAX_PEOPLE + t % 4) for t in range(19)]
    assert kept(crowd) == [(0.0, "cup"), (9.0, "cup")]


def test_a_glimpse_of_what_was_not_there_for_a_minute_is_remembered_once() -> None:
    observations = [observation("cup", t / 2) for t in range(180)]
    for at in (10, 14, 170):
        observations[at] = observation("dog", at / 2, probability=0.25)
    assert [time for time, name in kept(observations) if name == "dog"] == [5.0, 85.0]


def test_a_scene_that_lasts_is_remembered_now_and_then() -> None:
    observations = [observation("cup", float(t)) for t in range(25)]
    assert kept(observations) == [(0.0, "cup"), (10.0, "cup"), (20.0, "cup"), (24.0, "cup")]


@pytest.mark.slow
def test_an_hour_of_flicker_is_remembered_no_more_than_now_and_then() -> None:
    rng = random.Random(5)
    for probability in (0.2, 0.9):  # what wavers, and a strobe between clear pictures
        names = [rng.choice(["cup", "dog", "ball", "clock", ""]) for _ in range(7200)]
        observations = [
            observation(name, index / 2, probability=probability)
            for index, name in enumerate(names)
        ]
        count = len(kept(observations))
        assert count <= BURST + REFILL * 3600 + 3600 / EVERY
        assert count >= 3600 / EVERY


@given(SHOWN)
def test_observations_are_remembered_in_order_of_time_and_no_longer_apart_than_every(
    shown: list[tuple[str, float]],
) -> None:
    observations = [
        observation(name, i / 2, probability=probability)
        for i, (name, probability) in enumerate(shown)
    ]
    times = [time for time, _ in kept(observations, every=3.0)]
    assert times == sorted(set(times))
    assert all(later - earlier <= 3.0 for earlier, later in itertools.pairwise(times))
    assert not observations or (times[0], times[-1]) == (0.0, observations[-1].scene.time)


@given(SHOWN, st.integers(0, 40))
def test_later_observations_change_nothing_that_was_remembered_before(
    shown: list[tuple[str, float]], cut: int
) -> None:
    observations = [
        observation(name, i / 2, probability=probability)
        for i, (name, probability) in enumerate(shown)
    ]

    def along(part: list[Observation]) -> list[float]:
        state = NoveltyState()
        found: list[Observation] = []
        for each in part:
            state, fresh = select_novel(state, each, interval=EVERY)
            found += fresh
        return [one.scene.time for one in found]

    first = along(observations[:cut])
    assert along(observations)[: len(first)] == first
