"""Looks at several bodies: one of three persons rests in each look, and none is lost."""

from collections.abc import Sequence

import numpy as np
import pytest
from torch import Tensor

from models.assistant.body.watch import BodyState, BodyWatch
from models.vision.body.hands import HandFinder
from models.vision.body.pose import Keypoint, Pose, PoseEstimator
from models.vision.detection import Detection
from tests.models.assistant.body.bodies import STANDING, pose

PIXELS = np.zeros((100, 140, 3), np.uint8)  # as wide as the bodies' pictures


class NotedPoses(PoseEstimator):
    """Finds a standing person in each box, and notes the boxes."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Detection]] = []

    def estimate(self, picture: Tensor, persons: Sequence[Detection]) -> list[Pose]:
        self.asked.append(persons)
        return [Pose(pose(STANDING, x=1.4 * person.center[0]).points, person) for person in persons]


class NoHands(HandFinder):
    def __init__(self) -> None:
        pass


def person(x: float, height: float) -> Detection:
    return Detection("person", x - 0.1, 0.5 - height / 2, x + 0.1, 0.5 + height / 2, 0.9)


def test_each_of_three_persons_rests_in_turn_and_keeps_a_pose_that_moves_along() -> None:
    poses, state = NotedPoses(), BodyState()
    watch, rested = BodyWatch(poses, NoHands()), []
    for second in range(7):
        persons = [person(at + 0.02 * second, 0.9 - at) for at in (0.1, 0.4, 0.7)]
        seen = watch.look(state, PIXELS, second / 2, persons)
        assert [each.person for each in seen.look.poses] == persons
        for each in seen.look.poses:
            nose = each.place(Keypoint.NOSE)
            assert nose is not None
            assert nose[0] == pytest.approx(1.4 * each.person.center[0], abs=1e-5)
        rested += [persons.index(each) for each in persons if each not in poses.asked[-1]]
    assert [len(each) for each in poses.asked] == [3, 2, 2, 2, 2, 2, 2]
    assert sorted(rested) == [0, 0, 1, 1, 2, 2]


def test_nobody_rests_who_is_new_or_was_not_seen_for_a_while() -> None:
    poses, state = NotedPoses(), BodyState()
    watch = BodyWatch(poses, NoHands())
    standing = [person(at, 0.5) for at in (0.1, 0.4, 0.7)]
    watch.look(state, PIXELS, 0.0, standing[:2])
    watch.look(state, PIXELS, 0.5, standing[:2])
    others = [person(at, 0.5) for at in (0.25, 0.55, 0.9)]
    watch.look(state, PIXELS, 1.0, others)
    watch.look(state, PIXELS, 9.0, others)
    assert [len(each) for each in poses.asked] == [2, 2, 3, 3]
