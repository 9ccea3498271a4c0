"""RotaryEmbedding positions: keys are kept without them, and turned to a place when they are used.

Angles are made in float64: a stream reaches positions in the millions, where a float32 angle
is off by a tenth of a turn.

Source: Su et al. 2021 (RoPE), in the form with two halves that Llama and Qwen2 use.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CosSin = tuple[Tensor, Tensor]  # cosines and sines, float64 (positions, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaryEmbedding:
    """Frequencies of heads of `width`.

    With `sections`, positions have several axes, and the axis `i` cos_sin `sections[i]`
    frequencies; they sum to half of `width`. Source of sections: Qwen2-VL, section 2.1.
    """

    width: int
    theta: float
    sections: tuple[int, ...] = ()

    def cos_sin(self, positions: Tensor) -> CosSin:
        """Return the cos_sin of int64 `positions`, (count,) or (axes, count).

        Raises:
            ValueError: positions with several axes, and no sections to tell them apart.
        """
        half = torch.arange(0, self.width, 2, dtype=torch.float64, device=positions.device)
        frequencies = self.theta ** (-half / self.width)
        if positions.dim() == 1:
            angles = positions.double()[:, None] * frequencies
        else:
            if len(self.sections) != len(positions):
                raise ValueError(
                    f"expected positions on {len(self.sections) or 1} axes, got {len(positions)}"
                )
            axis = torch.repeat_interleave(torch.tensor(self.sections, device=positions.device))
            angles = positions.double()[axis].T * frequencies
        both = torch.cat([angles, angles], -1)
        return both.cos(), both.sin()


def apply_rotary(x: Tensor, cos_sin: CosSin) -> Tensor:
    """Return `x`, (heads, count, width), turned; worked out in float32 at least."""
    kind = torch.promote_types(x.dtype, torch.float32)
    cosines, sines = (turn.to(kind) for turn in cos_sin)
    wide = x.to(kind)
    first, second = wide.chunk(2, -1)
    return (wide * cosines + torch.cat([-second, first], -1) * sines).to(x.dtype)
