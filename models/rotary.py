"""Rotary position embeddings: keys are stored without them, and rotated when they are read.

Angles are computed in float64: a stream reaches positions in the millions, where a float32 angle
has an error of a tenth of a turn. Llama and Qwen2 pair channel i with channel i + width / 2
(`apply_rotary`), Wan pairs neighboring channels (`apply_rotary_pairs`).

Source: Su et al. 2021 (RoPE).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CosSin = tuple[Tensor, Tensor]  # cosines and sines, float64 (positions, width)

WAN_THETA = 10_000.0


def frequencies(width: int, theta: float, *, device: torch.device) -> Tensor:
    """Return the angle for each pair of `width` channels at position 1, float64 (width / 2,)."""
    channels = torch.arange(0, width, 2, dtype=torch.float64, device=device)
    return theta ** (-channels / width)


def cos_sin_halves(angles: Tensor) -> CosSin:
    """Return the cosines and sines of angles (positions, width / 2), for both halves of a head."""
    both = torch.cat([angles, angles], -1)
    return both.cos(), both.sin()


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaryEmbedding:
    """The embedding of heads of `width` channels.

    With `sections`, positions have several axes, and axis `i` rotates `sections[i]` pairs of
    channels; they sum to half of `width`. The pairs of an axis are adjacent, or, if `interleaved`,
    the axes take turns until theirs are used up, and the rest is the first's. Source of sections:
    Qwen2-VL, section 2.1; of interleaved ones: Qwen3-VL, Bai et al. 2025, section 2.
    """

    width: int
    theta: float
    sections: tuple[int, ...] = ()
    interleaved: bool = False

    def cos_sin(self, positions: Tensor) -> CosSin:
        """Return the cosines and sines of int64 `positions`, (count,) or (axes, count).

        Raises:
            ValueError: positions have several axes, and there is no section for each.
        """
        rates = frequencies(self.width, self.theta, device=positions.device)
        if positions.dim() == 1:
            return cos_sin_halves(positions.double()[:, None] * rates)
        if len(self.sections) != len(positions):
            raise ValueError(
                f"expected positions on {len(self.sections) or 1} axes, got {len(positions)}"
            )
        axis = self._axes().to(positions.device)
        return cos_sin_halves(positions.double()[axis].T * rates)

    def _axes(self) -> Tensor:
        """Return the axis of each pair of channels, int64 (width / 2,)."""
        if not self.interleaved:
            return torch.repeat_interleave(torch.tensor(self.sections))
        axes = torch.zeros(self.width // 2, dtype=torch.int64)
        count = len(self.sections)
        for axis, pairs in enumerate(self.sections[1:], start=1):
            axes[axis : count * pairs : count] = axis
        return axes


def apply_rotary(x: Tensor, cos_sin: CosSin) -> Tensor:
    """Return `x`, (heads, count, width), rotated in float32 at least, in its own type."""
    kind = torch.promote_types(x.dtype, torch.float32)
    cosines, sines = (part.to(kind) for part in cos_sin)
    wide = x.to(kind)
    first, second = wide.chunk(2, -1)
    return (wide * cosines + torch.cat([-second, first], -1) * sines).to(x.dtype)


def grid_rotation(times: Tensor, height: int, width: int, dim: int) -> Tensor:
    """Return float32 (2, len(times) * height * width, dim / 2): the cosines and sines of a grid.

    Tokens are in order of time, row and column. `times` may be any real numbers. The channels are
    divided between the axes as in Wan.
    """
    side = 2 * (dim // 6)
    device = times.device
    axes = (
        (times.double(), dim - 2 * side),
        (torch.arange(height, device=device).double(), side),
        (torch.arange(width, device=device).double(), side),
    )
    grids = torch.meshgrid(*(axis for axis, _ in axes), indexing="ij")
    angles = [
        grid.reshape(-1, 1) * frequencies(channels, WAN_THETA, device=device)
        for grid, (_, channels) in zip(grids, axes, strict=True)
    ]
    angle = torch.cat(angles, 1)
    return torch.stack([angle.cos(), angle.sin()]).float()


def apply_rotary_pairs(x: Tensor, rotation: Tensor) -> Tensor:
    """Return `x` (batch, heads, tokens, dim), rotated in float32, in its own type.

    `rotation` is (2, batch, tokens, dim / 2). It uses real numbers, because complex ones cannot be
    exported; in an exported file it is one RotaryEmbedding node.
    """
    cosine, sine = rotation
    if torch.compiler.is_exporting():
        shape = (x.shape[0], x.shape[2], x.shape[3] // 2)
        rotated: Tensor = torch.onnx.ops.rotary_embedding(
            x, cosine.expand(shape), sine.expand(shape), interleaved=True
        )
        return rotated
    first, second = torch.unflatten(x, -1, (-1, 2)).unbind(-1)
    cosine, sine = cosine[:, None], sine[:, None]
    pairs = (first * cosine - second * sine, first * sine + second * cosine)
    return torch.stack(pairs, -1).flatten(-2).to(x.dtype)
