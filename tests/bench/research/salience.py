"""Salience: the attention that each token of a frame gets from the next frame."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def salience(
    query: Tensor, log: Tensor, keys: Tensor, lengths: Sequence[int], *, window: int
) -> list[Tensor]:
    """Return, for each block but the last, the attention that its tokens get from the next.

    The last positions of `keys`, (key heads, positions, width), are blocks of `lengths`, of
    which the last ones are those of `query`, (heads, count, width); both are rotated. `log`,
    (heads, count), are the logarithms of the softmax's denominators. Each result is float32
    (key heads, tokens): the mean over the queries of the next block and the heads that share
    a key. All queries see all tokens of the block, so no position in the frame is preferred,
    unless the window is shorter than two blocks.

    Source: vision-to-vision attention as in LiveVLM, Ning et al. 2025; here between neighbors.
    """
    shared, positions, width = keys.shape
    ends = torch.tensor([0, *lengths]).cumsum(0) + positions - sum(lengths)
    first = positions - query.shape[1]
    measured = []
    for (low, middle), (_, high) in pairwise(pairwise(ends.tolist())):
        asked = query[:, middle - first : high - first]
        folded = asked.reshape(shared, -1, width).float()
        scores = folded @ keys[:, low:middle].float().transpose(1, 2) * width**-0.5
        whole = log[:, middle - first : high - first].reshape(shared, -1, 1)
        weights = (scores - whole).exp().unflatten(1, (-1, high - middle))
        distance = torch.arange(middle, high)[:, None] - torch.arange(low, middle)
        seen = (distance < window).to(weights.device)
        measured.append((weights * seen).mean((1, 2)))
    return measured
