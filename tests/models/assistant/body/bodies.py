"""Poses and looks that are written out: a person of 0.8 heights, in the middle of the picture."""

import numpy as np

from models.assistant.body.actions import BodyLook
from models.vision.body.pose import Keypoint, Pose
from models.vision.detection import Detection

STANDING = {
    Keypoint.NOSE: (0.0, -0.42),
    Keypoint.LEFT_SHOULDER: (0.1, -0.3),
    Keypoint.RIGHT_SHOULDER: (-0.1, -0.3),
    Keypoint.LEFT_ELBOW: (0.13, -0.15),
    Keypoint.RIGHT_ELBOW: (-0.13, -0.15),
    Keypoint.LEFT_WRIST: (0.14, 0.0),
    Keypoint.RIGHT_WRIST: (-0.14, 0.0),
    Keypoint.LEFT_HIP: (0.07, 0.0),
    Keypoint.RIGHT_HIP: (-0.07, 0.0),
    Keypoint.LEFT_KNEE: (0.07, 0.2),
    Keypoint.RIGHT_KNEE: (-0.07, 0.2),
    Keypoint.LEFT_ANKLE: (0.07, 0.4),
    Keypoint.RIGHT_ANKLE: (-0.07, 0.4),
}
SITTING = STANDING | {Keypoint.LEFT_KNEE: (0.08, 0.06), Keypoint.RIGHT_KNEE: (-0.08, 0.06)}
HAND_UP = STANDING | {Keypoint.RIGHT_ELBOW: (-0.2, -0.3), Keypoint.RIGHT_WRIST: (-0.2, -0.45)}
ARMS_UP = HAND_UP | {Keypoint.LEFT_ELBOW: (0.2, -0.35), Keypoint.LEFT_WRIST: (0.2, -0.5)}
POINTING = STANDING | {Keypoint.LEFT_ELBOW: (0.25, -0.29), Keypoint.LEFT_WRIST: (0.4, -0.28)}
HEAD_AND_SHOULDERS = {
    key: STANDING[key] for key in (Keypoint.NOSE, Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER)
}

Places = dict[Keypoint, tuple[float, float]]


def pose(places: Places, x: float = 0.7, *, height: float = 0.8) -> Pose:
    """Return a person around `x`; keypoints that are not in `places` cannot be seen."""
    points = np.zeros((len(Keypoint), 3), np.float32)
    for key, (across, down) in places.items():
        points[key] = x + across, 0.5 + down, 0.9
    half = height / 2
    return Pose(
        points, Detection("person", x / 1.4 - 0.1, 0.5 - half, x / 1.4 + 0.1, 0.5 + half, 0.9)
    )


def look(time: float, *poses: Pose) -> BodyLook:
    return BodyLook(time, poses, 1.4)


def waving(time: float, way: float) -> BodyLook:
    """Return a look at somebody whose raised right hand is `way` to the left of the elbow."""
    return look(time, pose(HAND_UP | {Keypoint.RIGHT_WRIST: (-0.2 - way, -0.45)}))
