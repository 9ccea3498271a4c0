"""The transducer's loss over its whole lattice, with which the loss within a band is compared."""

import torch
from torch import Tensor

from models.asr.ancat.transducer import BLANK, lattice_loss


def transducer_loss(scores: Tensor, labels: Tensor, frames: Tensor, counts: Tensor) -> Tensor:
    """Return minus the log-probability of each text, (batch,).

    `scores` are (batch, time, max labels + 1, units) before the softmax; [b, t, u] are those at
    frame t after u labels. `labels` is int64 (batch, max labels); `frames`
    and `counts`, int64 (batch,), say how many frames and labels of each row are real.

    Raises:
        ValueError: the shapes do not fit, a row has no frame, or a label is the blank.
    """
    batch, time, rows, _ = scores.shape
    if labels.shape != (batch, rows - 1) or frames.shape != (batch,) or counts.shape != (batch,):
        raise ValueError(
            f"scores {tuple(scores.shape)} need labels {(batch, rows - 1)} and lengths "
            f"{(batch,)}, got {tuple(labels.shape)}, {tuple(frames.shape)}, {tuple(counts.shape)}"
        )
    if frames.min() < 1 or frames.max() > time or counts.min() < 0 or counts.max() >= rows:
        raise ValueError(f"lengths must lie in 1..{time} frames and 0..{rows - 1} labels")
    real = torch.arange(rows - 1, device=counts.device) < counts[:, None]
    if (labels[real] == BLANK).any():
        raise ValueError(f"unit {BLANK} is the blank, it cannot be a label")
    logs = scores.log_softmax(3)
    predict_all = labels.where(real, BLANK)[:, None, :, None].expand(-1, time, -1, -1)
    emit = logs[:, :, :-1].gather(3, predict_all)[..., 0]
    return lattice_loss(logs[..., BLANK], emit, frames, counts)
