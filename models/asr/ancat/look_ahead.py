"""How far ahead a frame attends in a layer of ANCAT, and when it is complete.

Gates are logs of numbers between 0 and 1, (batch, time, ahead): gate i of a frame says whether it
attends to the frame i + 1 later.

Source: ANCAT, Strimel et al. 2023.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

NEVER = float("-inf")


class Scheduler(nn.Module):
    """Predicts from a frame how far ahead it attends."""

    def __init__(self, width: int, hidden: int, ahead: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, ahead))
        last = self.layers[2]
        assert isinstance(last, nn.Linear)
        # It starts with most gates open: frames never attended to cannot prove useful.
        nn.init.constant_(last.bias, 2.0)
        nn.init.normal_(last.weight, std=0.01)

    def forward(self, x: Tensor, temperature: float | None) -> Tensor:
        """Return the log of each gate, falling: (batch, time, width) to (batch, time, ahead).

        A gate is at most as open as the gates before it, so a span has no holes. Without
        `temperature` the logs are 0 (open) or minus infinity.
        """
        scores: Tensor = self.layers(x)
        if scores.dtype != torch.float64:
            scores = scores.float()
        if temperature is None:
            shut = (scores <= 0).long().cumsum(2) > 0
            return torch.zeros_like(scores).masked_fill(shut, NEVER)
        return F.logsigmoid(scores / temperature).cumsum(2)


def spans(gates: Tensor) -> Tensor:
    """Return how many frames ahead are attended to at inference, int64 (batch, time)."""
    return (gates == 0.0).sum(2)


def arrivals(before: Tensor, gates: Tensor) -> Tensor:
    """Return the arrival of each frame of a layer, rising along time.

    `before`, float (batch, time), are the arrivals of its inputs, rising too. A frame waits for
    the last input it attends to, with soft gates on average. Frames leave a layer in order.
    """
    ahead = gates.shape[2]
    if not ahead:
        return before
    padded = torch.cat([before, before[:, -1:].expand(-1, ahead)], 1)
    longer = padded.diff(dim=1).unfold(1, ahead, 1)[:, : before.shape[1]]
    return (before + (gates.exp() * longer).sum(2)).cummax(1).values


def attention_mask(gates: Tensor, frames: Tensor) -> Tensor:
    """Return the mask to add to attention scores, (batch, 1, time, time).

    `gates` are logs (batch, time, ahead); `frames`, int64 (batch,), are the clips' lengths.
    """
    batch, time, ahead = gates.shape
    past = torch.ones(time, time, dtype=torch.bool, device=gates.device).tril()
    mask = gates.new_full((batch, time, time + ahead), NEVER)
    mask[:, :, :time].masked_fill_(past, 0.0)
    if ahead:
        place = torch.arange(time)[:, None] + torch.arange(1, ahead + 1)
        mask = mask.scatter(2, place.to(gates.device).expand(batch, -1, -1), gates)
    absent = torch.arange(time, device=gates.device) >= frames[:, None]
    return mask[:, None, :, :time].masked_fill(absent[:, None, None], NEVER)
