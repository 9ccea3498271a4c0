"""Spoken names of the classifier's 1,000 classes and of the detector's 80 kinds.

All breeds of dog are `dog`, for example. `imagenet.txt` has a line for each class of ImageNet 2012
(list of names: torchvision, BSD-3-Clause), `coco.txt` for each kind of COCO 2017, in order: the
spoken name, and after a bar the name in the data set if it differs. Things that both know have one
spoken name.
"""

from pathlib import Path

import torch
from torch import Tensor

PERSON = "person"  # a kind of the detector, and no name: persons are counted


def _read(file: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the spoken names in `file`, and those in the data set."""
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    parts = [line.partition("|") for line in lines]
    return tuple(spoken for spoken, _, _ in parts), tuple(own or name for name, _, own in parts)


SPOKEN, DETAILS = _read("imagenet.txt")  # by class
DETECTED, DETECTED_DETAILS = _read("coco.txt")  # by kind; persons are the first
NAMES = tuple(dict.fromkeys(SPOKEN + DETECTED[1:]))  # unique names: the columns of `grouped`

COLUMNS = torch.tensor([NAMES.index(name) for name in SPOKEN])  # of `NAMES`, by class
CLASSIFIED = frozenset(COLUMNS.tolist())  # columns that the classifier knows
COUNTABLE = frozenset(NAMES.index(name) for name in DETECTED[1:])  # columns that have boxes


def grouped(probabilities: Tensor) -> Tensor:
    """Return the sums (..., names) of probabilities (..., 1000) of classes with one name."""
    out = probabilities.new_zeros(*probabilities.shape[:-1], len(NAMES))
    return out.index_add(-1, COLUMNS.to(probabilities.device), probabilities)
