"""Relevance maps: where a frame shows the things that a question asked about.

A sender with little bandwidth can use the map to distribute quality. The map is made from the
classifier's features, so its resolution is that of the last layer, 7 by 7.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.vision.class_names import COLUMNS
from models.vision.classifier import CELLS
from models.vision.detection import Detection

SHOWN = 3  # classes
MIN_PROBABILITY = 0.02  # at which a thing may be in the frame


def relevant_classes(by_class: Tensor, attended: frozenset[int]) -> tuple[Tensor, Tensor]:
    """Return the classes that a frame's map shows, int64 (3,), and the weight of each.

    `by_class` has the probability of each class, (1000,). The classes are those of the columns
    `attended` of `NAMES`, or of the main thing if none of them is in the frame.
    """
    weight = by_class.where(
        torch.isin(COLUMNS, torch.tensor(sorted(attended), dtype=torch.long)), 0
    )
    if float(weight.sum()) < MIN_PROBABILITY:
        weight = by_class.where(COLUMNS[by_class.argmax()] == COLUMNS, 0)
    top = weight.topk(SHOWN)
    return top.indices, top.values


def relevance(maps: Tensor, weights: Tensor, boxes: Sequence[Detection]) -> Tensor:
    """Return the relevance map of one frame, float32 (7, 7) in [0, 1].

    `maps` (3, 7, 7) are the activation maps of its relevant classes, with their `weights` (3,).
    `boxes`, of persons and of things that were asked about, are shown too, by their scores.
    """
    shown = normalized((maps * weights[:, None, None]).sum(0))
    for box in boxes:
        shown = torch.maximum(shown, box.score * coverage(box))
    return shown


def normalized(seen: Tensor) -> Tensor:
    """Return a map scaled so that its maximum is 1, and its mean and everything below is 0."""
    low, high = seen.mean(), seen.amax()
    return ((seen - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def coverage(box: Detection) -> Tensor:
    """Return the fraction of each cell that `box` covers, (7, 7)."""
    across = _shares(box.left, box.right)
    down = _shares(box.top, box.bottom)
    return down[:, None] * across


def _shares(low: float, high: float) -> Tensor:
    begins = torch.arange(CELLS) / CELLS
    shared = (begins + 1 / CELLS).clamp(max=high) - begins.clamp(min=low)
    return (shared * CELLS).clamp(0, 1)
