"""The smoothed copy of a model's weights, an exponential moving average: it is what ships."""

import torch
from torch import Tensor, nn


def smoothing_at(step: int, most: float) -> float:
    """Return the share of a copy that stays at `step`: `most` in the end, less at the start."""
    return min(most, (1 + step) / (10 + step))


@torch.no_grad()
def follow(smooth: nn.Module, model: nn.Module, share: float) -> None:
    """Move the parameters of `smooth` to those of `model`; `share` of them stays."""
    slow: list[Tensor] = list(smooth.parameters())
    now: list[Tensor] = list(model.parameters())
    torch._foreach_lerp_(slow, now, 1 - share)
