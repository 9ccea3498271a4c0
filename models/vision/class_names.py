"""Spoken names of the classifier's 1,000 classes: all breeds of dog are `dog`, for example.

`imagenet.txt` has a line for each class of ImageNet 2012, in order: the spoken name, and after a
bar the name in the data set if it differs (list of names: torchvision, BSD-3-Clause).
"""

from pathlib import Path

import torch
from torch import Tensor

_LINES = (Path(__file__).parent / "imagenet.txt").read_text(encoding="utf-8").splitlines()
SPOKEN = tuple(line.partition("|")[0] for line in _LINES)  # by class
NAMES = tuple(dict.fromkeys(SPOKEN))  # unique names: the columns of `grouped`
DETAILS = tuple(line.partition("|")[2] or line for line in _LINES)  # by class

COLUMNS = torch.tensor([NAMES.index(name) for name in SPOKEN])  # of `NAMES`, by class


def grouped(probabilities: Tensor) -> Tensor:
    """Return the sums (..., names) of probabilities (..., 1000) of classes with one name."""
    out = probabilities.new_zeros(*probabilities.shape[:-1], len(NAMES))
    return out.index_add(-1, COLUMNS.to(probabilities.device), probabilities)
