"""Which blocks a question is about: scores against their representatives, and the best of them.

Scores of frames drift with time, whatever is asked, so that raw products prefer late frames
(MemStream, Agarwal et al. 2026) or early ones: with SmolLM2-135M over 192 frames of words, the
rank correlation of score and time is -0.41 on average over layers if the window is 256 tokens,
-0.76 if nothing leaves it, and 3 to 6 % of the 16 best blocks are from the later half.
`centred` takes the local trend from the scores: what is common to neighbours, the drift with
it, no longer counts. With a trend over 32 blocks the same figures are 0.08, 0.07 and 54 to
55 %. Its price: what stays in view for longer than that no longer counts either.
`models.memory.research.recall_probe` measures the bias, and the recall.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Scoring = Literal["dot", "centred"]
Rows = NDArray[np.int64]


def score_blocks(representatives: Tensor, query: Tensor, *, scoring: Scoring, span: int) -> Tensor:
    """Return how much each block is like the question in one layer, float32 (blocks,).

    `representatives` is float32 (blocks, key heads * width), in order of time; `query` is
    (heads, width), the mean over the question's tokens, before rotation. `span` blocks around
    each make the line that `centred` takes away.

    Source: ReKV, Di et al. 2025, section 3.3 (internal retrieval), for `dot`.
    """
    heads, width = query.shape
    shared = representatives.shape[1] // width
    asked = query.float().view(shared, heads // shared, width).sum(1).flatten()
    found = representatives @ asked.to(representatives.device)
    if scoring == "centred":
        # The product is linear: its trend is the product with the representatives' trend.
        found = found - local_line(found, span)
    return found


def local_line(values: Tensor, span: int) -> Tensor:
    """Return the straight line through up to `span` values around each, at each, float32 (n,).

    Away from the ends that is their mean. At the ends the neighbours are on one side, and the
    mean alone would lag behind a drift: the newest frames would be preferred again.
    """
    count = len(values)
    span = min(span, count)
    place = torch.arange(count, dtype=torch.float64)
    y = values.double().cpu()
    low = (torch.arange(count) - span // 2).clamp(0, count - span)
    by_value, by_place = (_sums(part, low, span) for part in (y, y * place))
    middle = low + (span - 1) / 2
    spread = span * (span**2 - 1) / 12  # of `span` places around their middle, squared
    slope = (by_place - middle * by_value) / spread if span > 1 else torch.zeros(count)
    return (by_value / span + slope * (place - middle)).float().to(values.device)


def _sums(values: Tensor, low: Tensor, span: int) -> Tensor:
    """Return the sums of `span` values from each of `low` on."""
    whole = torch.cat([values.new_zeros(1), values.cumsum(0)])
    return whole[low + span] - whole[low]


def top_rows(scores: Tensor, count: int) -> Rows:
    """Return the places of the `count` highest `scores`, in order; of equals, the earlier."""
    order = np.argsort(-scores.cpu().numpy(), kind="stable")
    return np.sort(order[:count])
