"""The transducer loss within a band of its lattice: most pairs of frame and letter do not matter.

Running the joiner for all pairs is half the work of a step. The head that is trained with CTC gives
the likely text positions of a frame: its probabilities, used as a transducer's, give the occupancy
of each lattice cell, and the joiner runs for the `rows` likeliest adjacent cells of each frame.

Source: Kuang et al. 2022, Pruned RNN-T, sections 3.2 and 3.3; there a separate simple joiner
gives the band, here the CTC head does.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.ancat.transducer import BLANK, Transducer, lattice_loss

NEVER = float("-inf")


def bands(aligned: Tensor, labels: Tensor, frames: Tensor, counts: Tensor, rows: int) -> Tensor:
    """Return the number of labels before each frame's band, int64 (batch, time).

    `aligned`, (batch, time, units), are the scores of the CTC head, `labels` int64 (batch, max
    labels); `frames` and `counts` are as in `lattice_loss`. A band has `rows` cells. It starts
    before the first label, ends with the last, and moves by less than its size from frame to
    frame, so a path exists.
    """
    logs = aligned.detach().float().log_softmax(2)
    blank = logs[:, :, BLANK, None].expand(-1, -1, labels.shape[1] + 1).contiguous()
    emit = logs.gather(2, labels[:, None].expand(-1, logs.shape[1], -1))
    blank.requires_grad_()
    emit.requires_grad_()
    with torch.enable_grad():
        loss = lattice_loss(blank, emit, frames, counts).sum()
    left, written = torch.autograd.grad(loss, (blank, emit))
    visits = -(left + F.pad(written, (0, 1)))  # occupancy of each cell by a path
    before = F.pad(visits.cumsum(2), (1, rows))
    before[:, :, -rows:] = before[:, :, -rows - 1, None]
    starts = (before[:, :, rows:] - before[:, :, :-rows]).argmax(2)
    return _connected(starts, frames, counts, rows)


def _connected(starts: Tensor, frames: Tensor, counts: Tensor, rows: int) -> Tensor:
    """Return `starts` with the fewest changes that make the bands connect, from 0 to the end."""
    time = torch.arange(starts.shape[1], device=starts.device)
    slope = time * (rows - 1)
    highest = (counts + 1 - rows).clamp(min=0)[:, None]
    starts = starts.minimum(highest)
    starts = starts.where(time < frames[:, None] - 1, highest)
    # A band must reach the later ones ...
    starts = (starts - slope).flip(1).cummax(1).values.flip(1) + slope
    starts[:, 0] = 0
    # ... and be reachable from the earlier ones.
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
    """Return the transducer loss over the paths within the band, (batch,).

    With one more row than labels, it is the loss over all paths. `hidden` is
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
