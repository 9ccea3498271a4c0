"""The transducer's loss within a band of its lattice: most pairs of frame and letter never matter.

A joiner that answers for all pairs is half the work of a step. Where in the text a frame may be is
known well enough from the head that is trained with CTC beside it: its chances, read as a
transducer's, say how likely each cell of the lattice is, and the joiner answers for the `rows`
likeliest neighbours of each frame.

Source: Kuang et al. 2022, Pruned RNN-T, sections 3.2 and 3.3; there a joiner of its own draws the
band, here CTC's head does.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.ancat.transducer import BLANK, Transducer, lattice_loss

NEVER = float("-inf")


def bands(aligned: Tensor, labels: Tensor, frames: Tensor, counts: Tensor, rows: int) -> Tensor:
    """Return how many labels are written before each frame's band begins, int64 (batch, time).

    `aligned`, (batch, time, units), are the scores of CTC's head; `labels`, `frames` and `counts`
    are as in `transducer_loss`. A band has `rows` cells. It begins with no label, ends with the
    last, and moves by less than its size from frame to frame, so that a way leads through.
    """
    logs = aligned.detach().float().log_softmax(2)
    blank = logs[:, :, BLANK, None].expand(-1, -1, labels.shape[1] + 1).contiguous()
    emit = logs.gather(2, labels[:, None].expand(-1, logs.shape[1], -1))
    blank.requires_grad_()
    emit.requires_grad_()
    with torch.enable_grad():
        loss = lattice_loss(blank, emit, frames, counts).sum()
    left, written = torch.autograd.grad(loss, (blank, emit))
    visits = -(left + F.pad(written, (0, 1)))  # how likely a way goes through each cell
    before = F.pad(visits.cumsum(2), (1, rows))
    before[:, :, -rows:] = before[:, :, -rows - 1, None]
    starts = (before[:, :, rows:] - before[:, :, :-rows]).argmax(2)
    return _connected(starts, frames, counts, rows)


def _connected(starts: Tensor, frames: Tensor, counts: Tensor, rows: int) -> Tensor:
    """Return `starts` changed as little as it takes that they rise from 0 to the end, evenly."""
    time = torch.arange(starts.shape[1], device=starts.device)
    slope = time * (rows - 1)
    highest = (counts + 1 - rows).clamp(min=0)[:, None]
    starts = starts.minimum(highest)
    starts = starts.where(time < frames[:, None] - 1, highest)
    # No later band may begin further on than can be reached from here ...
    starts = (starts - slope).flip(1).cummax(1).values.flip(1) + slope
    starts[:, 0] = 0
    # ... nor this one further on than can be reached from those before.
    starts = (starts.cummax(1).values - slope).cummin(1).values + slope
    return starts.minimum(highest)


def banded_loss(
    transducer: Transducer,
    hidden: Tensor,
    starts: Tensor,
    labels: Tensor,
    frames: Tensor,
    counts: Tensor,
    rows: int,
) -> Tensor:
    """Return `transducer_loss` over the ways within the band, (batch,).

    With as many rows as there are labels and one more, it is the loss over all ways. `hidden` is
    (batch, time, width), `starts` what `bands` returned.
    """
    most = labels.shape[1]
    cells = starts[:, :, None] + torch.arange(rows, device=starts.device)
    inside = cells.clamp(max=most)
    batch = torch.arange(len(labels), device=labels.device)[:, None, None]
    heard = transducer.from_heard(hidden)[:, :, None]
    scores = transducer.join(heard, transducer.predict_all(labels)[batch, inside])
    logs = scores.float().log_softmax(3)
    wanted = F.pad(labels, (0, 1), value=BLANK)[batch, inside]
    emit = logs.gather(3, wanted[..., None])[..., 0]
    blank = logs[..., BLANK]
    # Cells beyond the last label fall into places that are cut off again.
    empty = logs.new_full((*starts.shape, most + rows), NEVER)
    whole_blank = empty.scatter(2, cells, blank)[:, :, : most + 1]
    whole_emit = empty.scatter(2, cells, emit)[:, :, :most]
    return lattice_loss(whole_blank, whole_emit, frames, counts)
