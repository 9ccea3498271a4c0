"""Rotary positions on three axes: time, height, width.

Keys are kept unrotated and rotated where they are read, with positions that count from the oldest
latent in view: a stream's length does not matter, and no table can run out.

Source: Su et al. 2021; how channels are shared between the axes is Wan's.
"""

import torch
from torch import Tensor

BASE = 10_000.0  # Wan's


def angles(times: Tensor, height: int, width: int, dim: int) -> Tensor:
    """Return float32 (2, len(times) * height * width, dim / 2): cosines and sines of the turns.

    Tokens go latent by latent, row by row. `times` may be any real numbers: angles are computed
    in float64, where `times` lies.
    """
    side = 2 * (dim // 6)
    place = times.device
    axes = (
        (times.double(), dim - 2 * side),
        (torch.arange(height, device=place).double(), side),
        (torch.arange(width, device=place).double(), side),
    )
    grids = torch.meshgrid(*(axis for axis, _ in axes), indexing="ij")
    parts = []
    for grid, (_, channels) in zip(grids, axes, strict=True):
        rates = BASE ** (-torch.arange(0, channels, 2, device=place).double() / channels)
        parts.append(grid.reshape(-1, 1) * rates)
    angle = torch.cat(parts, 1)
    return torch.stack([angle.cos(), angle.sin()]).float()


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Return (..., tokens, dim) turned by (2, tokens, dim / 2); neighbouring channels are a pair.

    Written with real numbers: complex ones cannot be exported. Turned in float32, given back as
    it came.
    """
    first, second = torch.unflatten(x, -1, (-1, 2)).unbind(-1)
    cosine, sine = rotation
    pairs = (first * cosine - second * sine, first * sine + second * cosine)
    return torch.stack(pairs, -1).flatten(-2).to(x.dtype)
