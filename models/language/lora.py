"""Low-rank changes to a decoder's projections: added to its weights, or kept beside packed ones.

Source: Hu et al. 2021 (LoRA).
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.errors import WeightsError
from models.language.decoder import Decoder

PARTS = ("query", "key", "value", "out", "gate", "up", "down")


def add(decoder: Decoder, path: Path) -> None:
    """Add the low-rank changes stored at `path` to the weights of `decoder`.

    Raises:
        WeightsError: the file is missing or damaged, or was made for another decoder.
    """
    merge(decoder, read(path))


def read(path: Path) -> dict[str, Tensor]:
    """Return the low-rank changes stored at `path`, by name, see `merge`.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: no readable adapter ({error})") from error


@torch.no_grad()
def merge(decoder: Decoder, stored: dict[str, Tensor]) -> None:
    """Add `stored` to the weights: `<layer>.<part>.a` (rank, in) and `.b` (out, rank).

    Raises:
        WeightsError: a change does not fit.
    """
    for index, layer in enumerate(decoder.layers):
        for part in PARTS:
            name = f"{index}.{part}"
            linear = getattr(layer, part)
            assert isinstance(linear, nn.Linear)
            try:
                change = stored[f"{name}.b"].float() @ stored[f"{name}.a"].float()
                linear.weight += change.to(linear.weight)
            except (KeyError, RuntimeError) as error:
                raise WeightsError(f"the adapter has no fitting {name} ({error})") from error
