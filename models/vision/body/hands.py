"""Hands in a picture: a detector finds them, and a second network their 21 landmarks.

The landmarks are found twice. The first time in a square around the detector's box, the second
time in one that is turned so that the fingers point up, as the network was trained with.

Source of the second square: MediaPipe Hands, Zhang et al. 2020 (arXiv 2006.10214), section 2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.engine import Engine, EngineLoader, load_in_torch
from models.vision.body.crops import Square, cut, whole
from models.vision.body.networks import (
    DETECTOR_SIDE,
    HAND_SIDE,
    MAX_BATCH,
    HandDetectorNetwork,
    HandLandmarkNetwork,
)
from models.vision.body.networks import load as load_network
from models.vision.detection import non_max_suppression

LEVELS = (40, 20, 10, 5, 3)  # positions along a side of each feature map
STRIDES = (8, 16, 32, 64, 128)  # pixels between them
ANCHOR_SCALE = 4.0  # strides, as in the object detection API's multiscale anchors
OCTAVES = (0.0, 0.5)
RATIOS = (1.0, 2.0, 0.5)
FACE = (
    4  # the column of faces among the kinds; hands open, closed, pinching and pointing are others
)
FINGERTIPS = (5, 6)  # the columns of tips, which are no hands
MIN_SCORE = 0.3  # at which a box may be a hand: the landmarks decide
MAX_IOU = 0.3
POSSIBLE = 0.1  # the landmark network's score from which a square is read again
SURE = 0.9  # from which the second reading is taken
PRESENT = 0.8  # the landmark network's score from which there is a hand
MARGIN = 1.2  # of the first square, in the longer side of the box
TURNED_MARGIN = 1.6  # of the second, around the landmarks
WRIST, INDEX, MIDDLE, RING = 0, 5, 9, 13  # landmarks: the wrist, and where fingers begin


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """`points` are float32 (21, 3): x, y and depth in heights of the picture, from the wrist on.

    `score` is how sure it is that there is a hand. `right` is the probability of a right one, if
    the picture is not mirrored.
    """

    points: NDArray[np.float32]
    score: float
    right: float

    @property
    def size(self) -> float:
        """The longer side of the box around the landmarks, in heights of the picture."""
        return float(np.ptp(self.points[:, :2], 0).max())


class HandFinder:
    """Finds up to `MAX_BATCH` hands of a picture."""

    def __init__(self, detector: Engine, landmarks: Engine) -> None:
        self._detector, self._landmarks = detector, landmarks
        self._anchors = anchors()

    def find(self, picture: Tensor) -> list[Hand]:
        """Return the hands in `picture`, float32 (3, height, width) of 0 to 255, largest first.

        The detector misses hands that fill the picture, so all of it is tried if it finds none.
        """
        found = self._hands(picture, self.detect(picture)) or self._hands(picture, _large(picture))
        return _distinct(sorted(found, key=lambda hand: -hand.size))

    def _hands(self, picture: Tensor, squares: Sequence[Square]) -> list[Hand]:
        """Return the hands in `squares`, by the second reading of each if it is sure."""
        first = self._read(picture, squares) if squares else []
        first = [reading for reading in first if reading[1] >= POSSIBLE]
        if not first:
            return []
        turned = self._read(picture, [_turned(points) for points, _, _ in first])
        best = [
            after if after[1] >= SURE else max(before, after, key=lambda each: each[1])
            for before, after in zip(first, turned, strict=True)
        ]
        return [
            Hand((points / picture.shape[1]).numpy(), score, 1 - mirrored)
            for points, score, mirrored in best
            if score >= PRESENT
        ]

    def detect(self, picture: Tensor) -> list[Square]:
        """Return squares that may hold hands, likeliest first."""
        square = whole(picture)
        made = self._detector.run({"image": cut(picture, [square], DETECTOR_SIDE)})
        kinds = made["scores"][0]
        scores = kinds[:, :FACE].amax(1)
        sure = (scores >= MIN_SCORE) & (scores > kinds[:, FACE])
        boxes = _decoded(made["offsets"][0][sure], self._anchors[sure])
        kept = non_max_suppression(boxes.numpy(), scores[sure].numpy(), max_iou=MAX_IOU)
        return [_square(boxes[index], square) for index in kept[:MAX_BATCH]]

    def _read(
        self, picture: Tensor, squares: Sequence[Square]
    ) -> list[tuple[Tensor, float, float]]:
        """Return the landmarks in pixels, the score, and the probability of a mirror's right."""
        made = self._landmarks.run({"images": cut(picture, squares, HAND_SIDE)})
        found = []
        for index, square in enumerate(squares):
            points = made["points"][index] / HAND_SIDE
            flat = square.outside(points[:, :2])
            placed = torch.cat([flat, points[:, 2:] * square.side], 1)
            found.append((placed, float(made["scores"][index]), float(made["right"][index])))
        return found


def anchors() -> Tensor:
    """Return the anchor boxes, (anchors, 4): center y, center x, height, width, in parts."""
    rows = []
    for cells, stride in zip(LEVELS, STRIDES, strict=True):
        sizes = [
            (scale / ratio**0.5, scale * ratio**0.5)
            for scale in (ANCHOR_SCALE * stride * 2**octave / DETECTOR_SIDE for octave in OCTAVES)
            for ratio in RATIOS
        ]
        step = stride / DETECTOR_SIDE
        for y in range(cells):
            rows += [(y * step, x * step, h, w) for x in range(cells) for h, w in sizes]
    return torch.tensor(rows)


def _decoded(offsets: Tensor, around: Tensor) -> Tensor:
    """Return boxes (boxes, 4), top, left, bottom, right, which may reach over the edge."""
    center = offsets[:, :2] / 10 * around[:, 2:] + around[:, :2]
    size = (offsets[:, 2:] / 5).exp() * around[:, 2:]
    return torch.cat([center - size / 2, center + size / 2], 1)


def _square(box: Tensor, within: Square) -> Square:
    """Return the square around `box`, which is in parts of the square `within`."""
    top, left, bottom, right = box.tolist()
    x, y = within.outside(torch.tensor([(left + right) / 2, (top + bottom) / 2])).tolist()
    return Square(x, y, MARGIN * max(bottom - top, right - left) * within.side)


def _large(picture: Tensor) -> list[Square]:
    """Return the squares of hands that fill the picture."""
    square = whole(picture)
    return [square, Square(square.x, square.y, min(picture.shape[1:]))]


def _turned(points: Tensor) -> Square:
    """Return the square around landmarks (21, 3) in pixels, turned so that the fingers are up."""
    flat = points[:, :2]
    palm = (flat[INDEX] + flat[RING]) / 4 + flat[MIDDLE] / 2
    x, y = (palm - flat[WRIST]).tolist()
    angle = math.atan2(x, -y)
    straight = Square(0.5, 0.5, 1.0, -angle).outside(flat)  # about the middle (0.5, 0.5)
    low, high = straight.amin(0), straight.amax(0)
    side = float((high - low).max())
    center = (low + high) / 2
    center[1] -= 0.1 * float(high[1] - low[1])  # fingers are longer than the landmarks' box says
    x, y = Square(0.5, 0.5, 1.0, angle).outside(center).tolist()
    return Square(x, y, TURNED_MARGIN * side, angle)


def _distinct(hands: Sequence[Hand]) -> list[Hand]:
    """Return `hands` without those that lie on one before them."""
    kept: list[Hand] = []
    for hand in hands:
        middle = hand.points[:, :2].mean(0)
        apart = (
            float(np.linalg.norm(middle - other.points[:, :2].mean(0))) > other.size / 2
            for other in kept
        )
        if all(apart):
            kept.append(hand)
    return kept


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> HandFinder:
    """Return the finder with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    return HandFinder(
        load_network(HandDetectorNetwork, folder, load_engine),
        load_network(HandLandmarkNetwork, folder, load_engine),
    )
