"""Where to look: which places of a picture speak for what a person asked about.

The map says where quality matters, for a sender that must save bits. It comes from the same pass
of the classifier that names things: coarse, 7 by 7, as fine as its last layer is.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.vision.class_names import COLUMNS
from models.vision.efficientnet import EfficientNet
from models.vision.person_detector import Person

CELLS = 7  # the classifier's last layer: 224 pixels in steps of 32
MIN_PROBABILITY = 0.02  # share from which a thing may be in the picture, and is worth a look


def relevance(
    classifier: EfficientNet,
    features: Tensor,
    by_class: Tensor,
    attended: frozenset[int],
    persons: Sequence[Person],
) -> Tensor:
    """Return what matters where, float32 (7, 7) in [0, 1], of one picture.

    `features` is (1, 1280, 7, 7), and `by_class` the share of each class, (1000,). `attended` are
    columns of `NAMES`; if none of them is in the picture, its main thing matters. So does each
    place that a person of `persons` fills.
    """
    weight = by_class.where(
        torch.isin(COLUMNS, torch.tensor(sorted(attended), dtype=torch.long)), 0
    )
    if float(weight.sum()) < MIN_PROBABILITY:
        weight = by_class.where(torch.isin(COLUMNS, COLUMNS[by_class.argmax()]), 0)
    classes = weight.topk(3).indices
    maps = classifier.activation_maps(features.expand(3, -1, -1, -1), classes)
    shown = normalized((maps * weight[classes, None, None]).sum(0))
    for person in persons:
        shown = torch.maximum(shown, coverage(person))
    return shown


def normalized(seen: Tensor) -> Tensor:
    """Scale a map so that its mean becomes 0, with all below it, and its highest place 1."""
    low, high = seen.mean(), seen.amax()
    return ((seen - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def coverage(person: Person) -> Tensor:
    """Return which share of each cell the box of `person` covers, (7, 7)."""
    across = _shares(person.left, person.right)
    down = _shares(person.top, person.bottom)
    return down[:, None] * across


def _shares(low: float, high: float) -> Tensor:
    begins = torch.arange(CELLS) / CELLS
    shared = (begins + 1 / CELLS).clamp(max=high) - begins.clamp(min=low)
    return (shared * CELLS).clamp(0, 1)
