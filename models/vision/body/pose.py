"""The pose of persons: 17 keypoints of each, by MoveNet on a square around the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.engine import Engine, EngineLoader, load_in_torch
from models.vision.body.crops import Square, cut
from models.vision.body.networks import MAX_BATCH, POSE_SIDE, PoseNetwork
from models.vision.body.networks import load as load_network
from models.vision.detection import Detection

MARGIN = 1.25  # of the square, in the longer side of the person's box
VISIBLE = 0.3  # score from which a keypoint is in the picture


class Keypoint(IntEnum):
    """The keypoints of COCO; left and right are the person's own."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """`points` are float32 (17, 3): x to the right and y down, in heights of the picture, a score.

    `person` is the box that the pose was found in.
    """

    points: NDArray[np.float32]
    person: Detection

    def place(self, keypoint: Keypoint) -> NDArray[np.float32] | None:
        """Return x and y of a keypoint, None if it cannot be seen."""
        point = self.points[keypoint]
        return point[:2] if point[2] >= VISIBLE else None

    def moved_to(self, person: Detection, aspect: float) -> "Pose":
        """Return the pose moved with the box, which is `person` now, in a picture of `aspect`."""
        before, now = self.person.center, person.center
        shift = ((now[0] - before[0]) * aspect, now[1] - before[1], 0.0)
        return Pose(self.points + np.array(shift, np.float32), person)


class PoseEstimator:
    """Finds the poses of up to `MAX_BATCH` persons of a picture at once."""

    def __init__(self, network: Engine) -> None:
        self._network = network

    def estimate(self, picture: Tensor, persons: Sequence[Detection]) -> list[Pose]:
        """Return the pose of each of `persons`; `picture` is float32 (3, height, width), 0 to 255.

        Of more than `MAX_BATCH` persons, the largest have poses.
        """
        chosen = sorted(persons, key=lambda person: -person.area)[:MAX_BATCH]
        if not chosen:
            return []
        squares = [_around(person, picture) for person in chosen]
        made = self._network.run({"images": cut(picture, squares, POSE_SIDE)})["keypoints"]
        poses = []
        for person, square, points in zip(chosen, squares, made, strict=True):
            placed = points.clone()
            placed[:, :2] = square.outside(points[:, :2]) / picture.shape[1]
            poses.append(Pose(placed.numpy(), person))
        return poses


def _around(person: Detection, picture: Tensor) -> Square:
    height, width = picture.shape[1:]
    x = (person.left + person.right) / 2 * width
    y = (person.top + person.bottom) / 2 * height
    tall, wide = (person.bottom - person.top) * height, (person.right - person.left) * width
    return Square(x, y, MARGIN * max(tall, wide))


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> PoseEstimator:
    """Return the estimator with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: the engine cannot be built or loaded.
    """
    return PoseEstimator(load_network(PoseNetwork, folder, load_engine))
