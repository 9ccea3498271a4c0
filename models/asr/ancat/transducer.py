"""The transducer (RNN-T): the probability of a text given audio, summed over all alignments.

At each frame the joiner combines the encoder's frame with the predictor's output for the text so
far, and scores every unit and the blank, which means that no more units come at this frame.

Source: Graves 2012, Sequence Transduction with Recurrent Neural Networks, section 2.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

BLANK = 0  # the unit that ends a frame


def lattice_loss(blank: Tensor, emit: Tensor, frames: Tensor, counts: Tensor) -> Tensor:
    """Return minus the log-probability of each text, (batch,), from that of each step.

    `blank` (batch, time, max labels + 1) and `emit` (batch, time, max labels) are the
    log-probabilities of the blank at frame t after u labels, and of label u + 1 there. `frames`
    and `counts`, int64 (batch,), say how many frames and labels of each row are real.
    """
    loss: Tensor = _Lattice.apply(blank, emit, frames, counts)  # type: ignore[no-untyped-call]
    return loss


class _Lattice(torch.autograd.Function):
    """Minus the log of the sum over all paths, with its gradient by the backward variables.

    A cell (t, u) is reached by a blank from (t - 1, u) or a label from (t, u - 1): cells of
    equal t + u do not depend on each other, so one anti-diagonal is one operation for the
    whole batch. Tensors are skewed first: [b, t + u, u] holds what belongs to (t, u).
    """

    @staticmethod
    def forward(ctx: Any, blank: Tensor, emit: Tensor, frames: Tensor, counts: Tensor) -> Tensor:
        blank, emit = _real(blank, emit, frames, counts)
        down, right = _skew(blank), _skew(emit)
        alpha = _forward(down, right)
        beta = _backward(down, right, frames, counts)
        total = beta[:, 0, 0]
        ctx.save_for_backward(blank, emit, _straight(alpha, blank), beta, total)
        return -total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        blank, emit, alpha, beta, total = ctx.saved_tensors
        time, rows = blank.shape[1:]
        place = torch.arange(time)[:, None] + torch.arange(rows)
        columns = torch.arange(rows).expand(time, rows)
        after_blank = beta[:, place + 1, columns]  # cell (t + 1, u) lies one diagonal on
        after_label = beta[:, (place + 1)[:, :-1], columns[:, 1:]]  # and so does (t, u + 1)
        before = alpha - total[:, None, None]
        scale = -grads[0][:, None, None]
        return (
            scale * (before + blank + after_blank).exp(),
            scale * (before[:, :, :-1] + emit + after_label).exp(),
            None,
            None,
        )


def _real(blank: Tensor, emit: Tensor, frames: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the steps; those outside a row's own lattice become impossible."""
    time, rows = blank.shape[1:]
    late = (torch.arange(time, device=blank.device) >= frames[:, None])[:, :, None]
    past = torch.arange(rows - 1, device=blank.device) >= counts[:, None]
    never = float("-inf")
    return blank.masked_fill(late, never), emit.masked_fill(late | past[:, None, :], never)


def _skew(x: Tensor) -> Tensor:
    """Turn (batch, time, rows) into (batch, time + rows, rows): row u moves down by u."""
    batch, time, rows = x.shape
    skewed = x.new_full((batch, time + rows, rows), float("-inf"))
    place = torch.arange(time)[:, None] + torch.arange(rows)
    skewed[:, place, torch.arange(rows).expand(time, rows)] = x
    return skewed


def _straight(skewed: Tensor, like: Tensor) -> Tensor:
    """Undo `_skew`."""
    time, rows = like.shape[1:]
    place = torch.arange(time)[:, None] + torch.arange(rows)
    return skewed[:, place, torch.arange(rows).expand(time, rows)]


def _forward(down: Tensor, right: Tensor) -> Tensor:
    """Return the log-probability of reaching each cell, skewed, (batch, diagonals, rows)."""
    batch, diagonals, rows = down.shape
    alpha = down.new_full((batch, diagonals, rows), float("-inf"))
    alpha[:, 0, 0] = 0.0
    for d in range(1, diagonals):
        reached = alpha[:, d - 1] + down[:, d - 1]
        if rows > 1 and d - 1 < right.shape[1]:
            wrote = alpha[:, d - 1, :-1] + right[:, d - 1]
            reached[:, 1:] = torch.logaddexp(reached[:, 1:], wrote)
        alpha[:, d] = reached
    return alpha


def _backward(down: Tensor, right: Tensor, frames: Tensor, counts: Tensor) -> Tensor:
    """Return the log-probability of ending from each cell, skewed, one diagonal more."""
    batch, diagonals, rows = down.shape
    beta = down.new_full((batch, diagonals + 1, rows), float("-inf"))
    each = torch.arange(batch)
    beta[each, frames + counts, counts] = 0.0  # the last blank leads here
    for d in range(diagonals - 1, -1, -1):
        left = beta[:, d + 1] + down[:, d]
        if rows > 1 and d < right.shape[1]:
            wrote = beta[:, d + 1, 1:] + right[:, d]
            left[:, :-1] = torch.logaddexp(left[:, :-1], wrote)
        beta[:, d] = torch.logaddexp(beta[:, d], left)
    return beta


@dataclass(frozen=True, slots=True, kw_only=True)
class TransducerConfig:
    """Sizes; `units` includes the blank, which is unit 0."""

    units: int
    encoder_width: int
    width: int = 256


class Transducer(nn.Module):
    """Predictor and joiner: a small recurrent network over the text so far, and a sum.

    `from_heard` projects the encoder's frames; the name is in the files of trained models.
    """

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embedding = nn.Embedding(config.units, width)
        self.predictor = nn.LSTM(width, width, batch_first=True)
        self.from_heard = nn.Linear(config.encoder_width, width)
        self.from_written = nn.Linear(width, width)
        self.out = nn.Linear(width, config.units)

    def predict_all(self, labels: Tensor) -> Tensor:
        """Return the predictor's output after 0, 1, ... labels: (batch, labels + 1, width)."""
        padded = nn.functional.pad(labels, (1, 0), value=BLANK)
        hidden, _ = self.predictor(self.embedding(padded))
        predictions: Tensor = self.from_written(hidden)
        return predictions

    def join(self, encoded: Tensor, prediction: Tensor) -> Tensor:
        """Score all units: both are (..., width), `encoded` after `from_heard`."""
        scores: Tensor = self.out(torch.tanh(encoded + prediction))
        return scores

    def forward(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Score each unit at each frame after each label: (batch, time, labels + 1, units)."""
        encoded = self.from_heard(hidden)[:, :, None]
        return self.join(encoded, self.predict_all(labels)[:, None])
