"""Which blocks a question is about: scores against their representatives, and the best of them.

Scores of frames drift with time, mostly up, whatever is asked (MemStream, Agarwal et al. 2026),
so that raw products prefer what came late. `centred` takes a running mean from the
representatives: what is common to neighbours, the drift with it, no longer counts, and neither
does what stays in view all the time. `position_bias` measures it.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Scoring = Literal["dot", "centred"]
Rows = NDArray[np.int64]


def score(representatives: Tensor, query: Tensor, *, scoring: Scoring, span: int) -> Tensor:
    """Return how much each block is like the question in one layer, float32 (blocks,).

    `representatives` is float32 (blocks, key heads * width), in order of time; `query` is
    (heads, width), the mean over the question's tokens, before rotation. `span` blocks around
    each make the mean that `centred` takes away.

    Source: ReKV, Di et al. 2025, section 3.3 (internal retrieval), for `dot`.
    """
    heads, width = query.shape
    shared = representatives.shape[1] // width
    asked = query.float().view(shared, heads // shared, width).sum(1).flatten()
    found = representatives @ asked.to(representatives.device)
    if scoring == "centred":
        # The product is linear: its running mean is the product with the running mean.
        found = found - running_mean(found, span)
    return found


def running_mean(values: Tensor, span: int) -> Tensor:
    """Return the mean of up to `span` values around each, fewer at the ends, float32 (n,)."""
    count = len(values)
    sums = torch.cat([values.new_zeros(1, dtype=torch.float64), values.double().cumsum(0)])
    place = torch.arange(count)
    low = (place - span // 2).clamp(min=0)
    high = (place + (span + 1) // 2).clamp(max=count)
    return ((sums[high] - sums[low]) / (high - low)).float()


def best(scores: Tensor, count: int) -> Rows:
    """Return the places of the `count` highest `scores`, in order; of equals, the earlier."""
    order = np.argsort(-scores.cpu().numpy(), kind="stable")
    return np.sort(order[:count])


def uniform(total: int, count: int) -> Rows:
    """Return `count` places spread evenly over `total`: a baseline that asks nothing."""
    places: Rows = np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    return np.unique(places)


def recent(total: int, count: int) -> Rows:
    """Return the last `count` places of `total`: a baseline that only looks back."""
    return np.arange(max(0, total - count), total, dtype=np.int64)


def position_bias(scores: Tensor) -> float:
    """Return the rank correlation of scores with time: 0 is none, 1 is all for the latest.

    `scores` is (blocks,) in order of time, of blocks that have nothing to do with the question.
    """
    ranks = scores.argsort().argsort().double()
    time = torch.arange(len(scores), dtype=torch.float64, device=scores.device)
    return float(torch.corrcoef(torch.stack([ranks, time]))[0, 1])
