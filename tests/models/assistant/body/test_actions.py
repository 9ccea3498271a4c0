"""What people do, from poses over time that are written out."""

import math

import pytest

from models.assistant.body.actions import BodyLook, follow, signs
from models.assistant.body.signs import Sign
from models.vision.body.pose import Keypoint
from tests.models.assistant.body.bodies import (
    ARMS_UP,
    HAND_UP,
    HEAD_AND_SHOULDERS,
    POINTING,
    SITTING,
    STANDING,
    Places,
    look,
    pose,
    waving,
)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (STANDING, {Sign.STANDING}),
        (SITTING, {Sign.SITTING}),
        (HAND_UP, {Sign.STANDING, Sign.HAND_RAISED}),
        (ARMS_UP, {Sign.STANDING, Sign.ARMS_RAISED}),
        (POINTING, {Sign.STANDING, Sign.POINTING}),
        (HEAD_AND_SHOULDERS, set()),
    ],
)
def test_one_look_shows_the_posture_and_the_arms(places: Places, expected: set[Sign]) -> None:
    assert signs([look(0.0, pose(places))]) == (frozenset(expected),)


def moved(hz: float, interval: float = 0.2, seconds: float = 2.2) -> list[BodyLook]:
    """Return looks at a hand that goes to and fro `hz` times a second."""
    times = [step * interval for step in range(round(seconds / interval) + 1)]
    return [waving(time, 0.1 * math.sin(2 * math.pi * hz * time + 0.4)) for time in times]


@pytest.mark.parametrize("hz", [0.7, 1.0, 1.5, 1.9])
def test_a_raised_hand_that_goes_to_and_fro_waves(hz: float) -> None:
    assert Sign.WAVING in signs(moved(hz))[0]


@pytest.mark.parametrize("hz", [0.8, 1.3, 1.8, 2.2])
def test_waving_is_seen_from_looks_with_a_glance_after_each(hz: float) -> None:
    times = sorted([step / 2 for step in range(5)] + [step / 2 + 0.2 for step in range(4)])
    found = [
        Sign.WAVING
        in signs([waving(t, 0.1 * math.sin(2 * math.pi * hz * t + phase / 2)) for t in times])[0]
        for phase in range(12)
    ]
    assert sum(found) >= 11


def test_a_hand_waves_whose_elbow_is_below_the_picture() -> None:
    at_the_desk = HEAD_AND_SHOULDERS | {Keypoint.RIGHT_WRIST: (-0.2, -0.25)}
    looks = [
        look(
            step / 5,
            pose(at_the_desk | {Keypoint.RIGHT_WRIST: (-0.2 - 0.08 * (step % 2), -0.25)}),
        )
        for step in range(12)
    ]
    assert Sign.WAVING in signs(looks)[0]
    assert Sign.WAVING not in signs([look(step / 5, pose(at_the_desk)) for step in range(12)])[0]


def test_a_hand_that_is_raised_and_still_or_moves_once_does_not_wave() -> None:
    assert Sign.WAVING not in signs([waving(time / 5, 0.005 * (time % 2)) for time in range(12)])[0]
    assert Sign.WAVING not in signs([waving(time / 5, 0.03 * time) for time in range(12)])[0]


def test_who_waved_and_lowered_the_hand_does_not_wave_any_more() -> None:
    stopped = [look(2.4 + step / 5, pose(STANDING)) for step in range(3)]
    assert Sign.WAVING not in signs([*moved(1.0), *stopped])[0]


def test_somebody_who_crosses_the_picture_walks_and_who_shifts_does_not() -> None:
    across = [look(step / 2, pose(STANDING, 0.4 + 0.15 * step)) for step in range(5)]
    assert signs(across) == (frozenset({Sign.WALKING}),)
    shifting = [look(step / 2, pose(STANDING, 0.7 + 0.02 * (step % 2))) for step in range(5)]
    assert signs(shifting) == (frozenset({Sign.STANDING}),)


def test_somebody_who_comes_nearer_walks() -> None:
    nearer = [look(step / 2, pose(STANDING, height=0.5 + 0.08 * step)) for step in range(5)]
    assert Sign.WALKING in signs(nearer)[0]


def test_two_who_pass_each_other_are_followed_by_their_way() -> None:
    looks = [
        look(0.0, pose(STANDING, 0.3), pose(SITTING, 1.1)),
        look(0.5, pose(STANDING, 0.4), pose(SITTING, 1.1)),
        look(1.0, pose(SITTING, 1.1), pose(STANDING, 0.55)),
        look(1.5, pose(SITTING, 1.1), pose(STANDING, 0.7)),
    ]
    assert signs(looks) == (frozenset({Sign.SITTING}), frozenset({Sign.WALKING}))
    assert [len(follow(looks, index)) for index in (0, 1)] == [4, 4]


def test_looks_that_are_far_apart_are_not_one_movement() -> None:
    looks = [look(0.0, pose(STANDING, 0.4)), look(2.0, pose(STANDING, 0.9))]
    assert Sign.WALKING not in signs(looks)[0]


def test_nobody_does_nothing() -> None:
    assert signs([]) == ()
    assert signs([look(0.0)]) == ()
