"""Internal retrieval: scores of blocks for a question, and the blocks with the highest scores.

Scores drift with time, independent of the question, so raw products prefer late frames
(MemStream, Agarwal et al. 2026) or early ones: with SmolLM2-135M over 192 frames of words, the
rank correlation of score and time is -0.41 on average over layers if the window is 256 tokens,
-0.76 if nothing leaves it, and 3 to 6 % of the 16 best blocks are from the later half.
`centered` subtracts the local trend, and with it the drift. With a trend over 32 blocks the same
figures are 0.08, 0.07 and 54 to 55 %. A scene that lasts longer than that then has no weight.
`tests.bench.bench_recall` measures the bias, and the recall.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Scoring = Literal["dot", "centered"]
Rows = NDArray[np.int64]


def score_blocks(representatives: Tensor, query: Tensor, *, scoring: Scoring, span: int) -> Tensor:
    """Return the similarity of each block to the question in one layer, float32 (blocks,).

    `representatives` is float32 (blocks, key heads * width), in order of time; `query` is
    (heads, width), the mean over the question's tokens, before rotation. The trend
    that `centered` subtracts is a line through `span` blocks.

    Source: ReKV, Di et al. 2025, section 3.3 (internal retrieval), for `dot`.
    """
    heads, width = query.shape
    shared = representatives.shape[1] // width
    asked = query.float().view(shared, heads // shared, width).sum(1).flatten()
    found = representatives @ asked.to(representatives.device)
    if scoring == "centered":
        # The product is linear: its trend is the product with the representatives' trend.
        found = found - local_line(found, span)
    return found


def local_line(values: Tensor, span: int) -> Tensor:
    """Return for each value the line through up to `span` values around it, float32 (n,).

    Away from the ends this is their mean. At the ends all neighbors are on one side, so the mean
    alone would lag behind the drift, and prefer the newest frames.
    """
    count = len(values)
    span = min(span, count)
    place = torch.arange(count, dtype=torch.float64)
    y = values.double().cpu()
    low = (torch.arange(count) - span // 2).clamp(0, count - span)
    by_value, by_place = (_sums(part, low, span) for part in (y, y * place))
    middle = low + (span - 1) / 2
    spread = span * (span**2 - 1) / 12  # sum of squared distances of `span` rows from their mean
    slope = (by_place - middle * by_value) / spread if span > 1 else torch.zeros(count)
    return (by_value / span + slope * (place - middle)).float().to(values.device)


def _sums(values: Tensor, low: Tensor, span: int) -> Tensor:
    """Return the sums of `span` values that start at each of `low`."""
    whole = torch.cat([values.new_zeros(1), values.cumsum(0)])
    return whole[low + span] - whole[low]


def best_rows(
    allowed: NDArray[np.bool_],
    representatives: Tensor,
    query: Tensor,
    *,
    count: int,
    latest: int,
    scoring: Scoring,
    span: int,
) -> Rows:
    """Return the `latest` of the `allowed` rows, and the most similar of the others: `count`.

    Only allowed rows are scored, so the trend does not contain later ones; for the rest see
    `score_blocks`.
    """
    rows = np.flatnonzero(allowed)
    early = rows[-1:] < len(rows)  # a prefix: no copy is needed
    prefix = bool(early.all())
    held = representatives[: len(rows)] if prefix else representatives[torch.from_numpy(rows)]
    scores = score_blocks(held, query, scoring=scoring, span=span)
    older = max(0, len(rows) - latest)
    chosen = top_rows(scores[:older], max(0, count - latest))
    return np.concatenate([rows[chosen], rows[older:]])


def top_rows(scores: Tensor, count: int) -> Rows:
    """Return the rows of the `count` highest `scores`, in order; the earlier of equal scores."""
    order = np.argsort(-scores.cpu().numpy(), kind="stable")
    return np.sort(order[:count])
