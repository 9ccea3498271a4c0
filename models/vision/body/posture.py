"""What a pose shows at one moment: standing, sitting, raised arms, an arm that points.

The rules compare places of keypoints, in lengths of the person's own torso or shoulders, and say
nothing where what they need is out of the picture.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.vision.body.pose import Keypoint, Pose

STANDING_THIGH = 0.65  # drop from hip to knee, in drops from shoulder to hip, of who stands
SITTING_THIGH = 0.45  # and of who sits: the thigh points to the camera or to the side
UPRIGHT = 1.0  # drop of the torso in its sideways lengths, below which somebody lies
RAISED = 0.1  # of a wrist above its shoulder, in widths of the shoulders
STRAIGHT_ARM = 0.85  # cosine of the bend of an arm that points
AWAY = 0.75  # cosine to straight down, below which an arm is stretched away from the body
LEFT = (Keypoint.LEFT_SHOULDER, Keypoint.LEFT_ELBOW, Keypoint.LEFT_WRIST)
RIGHT = (Keypoint.RIGHT_SHOULDER, Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST)
ARMS = (LEFT, RIGHT)

Place = NDArray[np.float32]


class Posture(StrEnum):
    """How somebody is placed, as a verb in an answer."""

    STANDING = "standing"
    SITTING = "sitting"
    LYING = "lying"


def posture(pose: Pose) -> Posture | None:
    """Return how somebody is placed; None if hips and knees cannot be seen, or it is unclear."""
    shoulders = middle(pose, Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER)
    hips = middle(pose, Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP)
    knees = middle(pose, Keypoint.LEFT_KNEE, Keypoint.RIGHT_KNEE)
    if shoulders is None or hips is None or knees is None:
        return None
    across, torso = np.abs(hips - shoulders)
    if torso < UPRIGHT * across:
        return Posture.LYING
    thigh = (knees[1] - hips[1]) / torso
    if thigh >= STANDING_THIGH:
        return Posture.STANDING
    return Posture.SITTING if thigh <= SITTING_THIGH else None


def raised_arms(pose: Pose) -> int | None:
    """Return how many hands are above their shoulders; None if no arm can be seen."""
    width = shoulder_width(pose)
    seen = [arm for arm in ARMS if pose.place(arm[0]) is not None and _hand(pose, arm) is not None]
    if width is None or not seen:
        return None
    return sum(_is_raised(pose, arm, width) for arm in seen)


def raised_sides(pose: Pose) -> tuple[str, ...]:
    """Return which of the person's own hands are above their shoulders: left, right, both."""
    width = shoulder_width(pose)
    named = (("left", LEFT), ("right", RIGHT))
    seen = [(side, arm) for side, arm in named if pose.place(arm[0]) is not None]
    return tuple(
        side
        for side, arm in seen
        if width is not None and _hand(pose, arm) is not None and _is_raised(pose, arm, width)
    )


def points(pose: Pose) -> bool:
    """Return whether one arm is stretched away from the body, to the side or forward and up."""
    arms = [arm for arm in ARMS if all(pose.place(each) is not None for each in arm)]
    return sum(_is_stretched(pose, arm) for arm in arms) == 1


def shoulder_width(pose: Pose) -> float | None:
    """Return the person's width in heights of the picture, the torso's length if that says more.

    Seen from the side, shoulders are narrow.
    """
    left, right = pose.place(Keypoint.LEFT_SHOULDER), pose.place(Keypoint.RIGHT_SHOULDER)
    if left is None or right is None:
        return None
    hips = middle(pose, Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP)
    torso = 0.0 if hips is None else float(np.linalg.norm(hips - (left + right) / 2))
    return max(float(np.linalg.norm(left - right)), torso / 2)


def middle(pose: Pose, one: Keypoint, other: Keypoint) -> Place | None:
    """Return the place between two keypoints, or that of the one that can be seen."""
    seen = [place for place in (pose.place(one), pose.place(other)) if place is not None]
    return np.mean(seen, 0) if seen else None


def _hand(pose: Pose, arm: tuple[Keypoint, ...]) -> Place | None:
    """Return the place of the wrist; if it is out of the picture, that of the elbow."""
    wrist = pose.place(arm[2])
    return pose.place(arm[1]) if wrist is None else wrist


def _is_raised(pose: Pose, arm: tuple[Keypoint, ...], width: float) -> bool:
    hand, shoulder = _hand(pose, arm), pose.place(arm[0])
    assert hand is not None
    assert shoulder is not None
    return bool(hand[1] < shoulder[1] - RAISED * width)


def _is_stretched(pose: Pose, arm: tuple[Keypoint, ...]) -> bool:
    shoulder, elbow, wrist = (pose.points[each, :2] for each in arm)
    upper, lower, whole = elbow - shoulder, wrist - elbow, wrist - shoulder
    length = float(np.linalg.norm(upper) * np.linalg.norm(lower))
    width = shoulder_width(pose)
    if length == 0 or width is None or float(np.linalg.norm(whole)) < 0.8 * width:
        return False
    straight = float(upper @ lower) / length >= STRAIGHT_ARM
    return straight and float(whole[1] / np.linalg.norm(whole)) < AWAY
