"""Rotary positions on three axes: time, height, width.

Keys are kept unrotated and rotated where they are read, with positions that count from the oldest
latent in view: a stream's length does not matter, and no table can run out.

Source: Su et al. 2021; how channels are shared between the axes is Wan's.
"""

import torch
from torch import Tensor

BASE = 10_000.0  # Wan's


def angles(times: Tensor, height: int, width: int, dim: int) -> Tensor:
    """Return complex64 (len(times) * height * width, dim / 2) turns, latent by latent, row by row.

    `times` may be any real numbers; angles are computed in float64.
    """
    side = 2 * (dim // 6)
    axes = (
        (times.double(), dim - 2 * side),
        (torch.arange(height).double(), side),
        (torch.arange(width).double(), side),
    )
    grids = torch.meshgrid(*(place for place, _ in axes), indexing="ij")
    parts = []
    for grid, (_, channels) in zip(grids, axes, strict=True):
        rates = BASE ** (-torch.arange(0, channels, 2).double() / channels)
        parts.append(grid.reshape(-1, 1) * rates)
    angle = torch.cat(parts, 1)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Return (..., tokens, dim) turned by (tokens, dim / 2); neighbouring channels are a pair."""
    pairs = torch.view_as_complex(torch.unflatten(x, -1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2)
