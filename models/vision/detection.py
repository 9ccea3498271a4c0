"""Things with boxes, as detectors find them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.vision.class_names import PERSON

MAX_IOU = 0.6  # boxes of one kind with a higher IoU count as one, as in SSD and NanoDet
MAX_IOU_OF_KINDS = 0.85  # the same for boxes of two kinds


@dataclass(frozen=True, slots=True)
class Detection:
    """A thing: its spoken name, a box in fractions of width and height, and its score.

    The score is about the probability that the thing is there; `colour` is empty if unknown.
    """

    name: str
    left: float
    top: float
    right: float
    bottom: float
    score: float
    colour: str = ""

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def center(self) -> tuple[float, float]:
        """The x and y of the middle of the box."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def overlap(one: Detection, other: Detection) -> float:
    """Return the intersection of two boxes over their union (IoU), 0 to 1."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / max(one.area + other.area - shared, 1e-9)


def unplaced_persons(scores: Iterable[float]) -> tuple[Detection, ...]:
    """Return persons of whom only `scores` are known; their boxes are the whole frame."""
    return tuple(Detection(PERSON, 0.0, 0.0, 1.0, 1.0, score) for score in scores)


def non_max_suppression(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    kinds: NDArray[np.int64] | None = None,
    *,
    max_iou: float = MAX_IOU,
    max_iou_of_kinds: float = MAX_IOU_OF_KINDS,
) -> list[int]:
    """Return the indexes of boxes (count, 4) that no box with a higher score takes, best first.

    Boxes of two `kinds` may overlap by more; without them all are of one.
    """
    kinds = np.zeros(len(boxes), np.int64) if kinds is None else kinds
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clip(min=0).prod(2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    limit = np.where(kinds[:, None] == kinds, max_iou, max_iou_of_kinds)
    same = shared > limit * (area[:, None] + area - shared)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not same[index, kept].any():
            kept.append(int(index))
    return kept
