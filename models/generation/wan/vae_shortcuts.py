"""What Wan2.2's video autoencoder has beside Wan2.1's layers: patches, and levels with a shortcut.

A level's shortcut has no weights: it averages or repeats what the level makes smaller or larger.

Source: Wan team 2025 (Wan2.2's autoencoder of 4 x 16 x 16 pixels).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.generation.wan.vae_layers import CausalCache, run_layer


class DownLevel(nn.Module):
    """The layers of an encoder's level; `space` and `time` say by how much they make it smaller."""

    def __init__(self, layers: Sequence[nn.Module], after: int, *, space: int, time: int) -> None:
        super().__init__()
        self.downsamples = nn.Sequential(*layers)
        self.after, self.space, self.time = after, space, time

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        beside = average(x, self.after, self.space, self.time)
        return _through(self.downsamples, x, cache) + beside


class UpLevel(nn.Module):
    """The layers of a decoder's level; a level that makes nothing larger has no shortcut."""

    def __init__(self, layers: Sequence[nn.Module], after: int, *, space: int, time: int) -> None:
        super().__init__()
        self.upsamples = nn.Sequential(*layers)
        self.after, self.space, self.time = after, space, time

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        made = _through(self.upsamples, x, cache)
        if self.space == 1:
            return made
        beside = repeat(x, self.after, self.space, self.time)
        return made + (beside[:, :, self.time - 1 :] if cache.is_start else beside)


def _through(layers: nn.Sequential, x: Tensor, cache: CausalCache) -> Tensor:
    for layer in layers:
        x = run_layer(layer, x, cache)
    return x


def average(x: Tensor, after: int, space: int, time: int) -> Tensor:
    """Return (batch, channels, time, height, width), smaller and of `after` channels, by averages.

    A first frame that stands alone is averaged with one of zeros before it.
    """
    x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % time, 0))
    cut = torch.unflatten(torch.unflatten(x, 4, (-1, space)), 3, (-1, space))
    cut = torch.unflatten(cut, 2, (-1, time))
    parts = cut.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)
    return torch.unflatten(parts, 1, (after, -1)).mean(2)


def repeat(x: Tensor, after: int, space: int, time: int) -> Tensor:
    """Return (batch, channels, time, height, width), larger and of `after` channels."""
    count = after * time * space * space // x.shape[1]
    parts = torch.unflatten(x.repeat_interleave(count, 1), 1, (after, time, space, space))
    moved = parts.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return moved.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def to_patches(pixels: Tensor, side: int) -> Tensor:
    """Return (batch, 3, time, height, width) with patches of `side` x `side` pixels as channels."""
    cut = torch.unflatten(torch.unflatten(pixels, 4, (-1, side)), 3, (-1, side))
    return cut.permute(0, 1, 6, 4, 2, 3, 5).flatten(1, 3)


def from_patches(patches: Tensor, side: int) -> Tensor:
    """Undo `to_patches`."""
    cut = torch.unflatten(patches, 1, (-1, side, side))
    return cut.permute(0, 1, 4, 5, 3, 6, 2).flatten(5, 6).flatten(3, 4)
