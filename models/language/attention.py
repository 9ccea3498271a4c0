"""Attention in parts: each part uses the cheapest kernel, and the parts are merged.

A part has the logarithm of its softmax's denominator, so attention over several sets of keys, or
with several rotations of the same query, is still one softmax.

    keys of a query at p, window w      rotation of the query     method
    p - w < key <= p, seen by its tile  to p                      fused kernel, no mask
    the same, on the edges of the tile  to p                      plain, masked
    sinks with p - key >= w             to w - 1, key not rotated  plain, masked

Source: ReKV, Di et al. 2025, section 3.2, after InfLLM, Xiao et al. 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

PartialAttention = tuple[
    Tensor, Tensor
]  # mixed values (heads, queries, width); log of denominators

TILE = 512  # queries at a time: limits the scores of the edges to heads x 512 x 1,024


def attend(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None = None
) -> PartialAttention:
    """Return the attention over one set of keys.

    `query` is (heads, queries, width), `key` and `value` (key heads, keys, width); each key
    head serves heads / key heads queries. `visible` is bool (queries, keys). A query without
    visible keys gets zeros, and minus infinity for its logarithm.
    """
    heads, count, width = query.shape
    shared = len(key)
    folded = query.reshape(shared, -1, width)  # the query heads of one key head are adjacent
    if visible is None and key.shape[1] and _fused(query):
        out, log = _FUSED[query.device.type](
            folded[None], key[None], value[None], scale=width**-0.5
        )[:2]
        return out[0].reshape(heads, count, width), log[0].reshape(heads, count)
    kind = torch.promote_types(query.dtype, torch.float32)
    scores = (folded @ key.transpose(1, 2)).to(kind) * width**-0.5
    if visible is not None:
        hidden = ~visible.repeat(heads // shared, 1)
        scores = scores.masked_fill(hidden, -torch.inf)
    log = scores.logsumexp(-1)
    weights = (scores - log.nan_to_num(neginf=0.0)[..., None]).exp()
    out = weights.to(value.dtype) @ value
    return out.reshape(heads, count, width), log.reshape(heads, count)


# The fused kernels of scaled_dot_product_attention, which itself returns no denominators.
_FUSED = {
    "cpu": torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,  # noqa: SLF001
    "cuda": torch.ops.aten._scaled_dot_product_flash_attention,  # noqa: SLF001
}


def _fused(query: Tensor) -> bool:
    """Return whether there is a fused kernel for such queries."""
    if query.device.type == "cuda":
        return query.dtype in (torch.float16, torch.bfloat16) and query.shape[-1] % 8 == 0
    return query.device.type == "cpu"


def merge_parts(parts: Sequence[PartialAttention]) -> PartialAttention:
    """Return the attention over the keys of all `parts`."""
    logs = torch.stack([log for _, log in parts])
    whole = logs.logsumexp(0)
    shares = (logs - whole).exp()
    mixed = sum((out * share[..., None] for (out, _), share in zip(parts, shares, strict=True)))
    assert isinstance(mixed, Tensor)
    return mixed.to(parts[0][0].dtype), whole


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return causal attention; the queries belong to the last keys. Shapes are as in `attend`."""
    count, length = query.shape[1], key.shape[1]
    mask = None
    if count > 1:
        mask = torch.ones(count, length, dtype=torch.bool, device=query.device)
        mask = mask.tril(length - count)
    return F.scaled_dot_product_attention(
        query[None], key[None], value[None], attn_mask=mask, enable_gqa=True
    )[0]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WindowKeys:
    """The keys and values of sliding-window attention.

    `keys` and `values` are (key heads, m, width), rotated, at positions `first`, `first` + 1,
    ...; the sinks are the first keys of the stream, not rotated.
    """

    keys: Tensor
    values: Tensor
    first: int
    sink_keys: Tensor
    sink_values: Tensor


def sliding_window_attention(
    query: Tensor, far_query: Tensor, local: WindowKeys, *, window: int
) -> PartialAttention:
    """Return the attention of the last positions to `window` keys up to each, and to the sinks.

    `query` is (heads, n, width) rotated to its positions, `far_query` the same rotated to
    `window` - 1. The keys must contain the whole window of each query.
    """
    count = query.shape[1]
    start = local.first + local.keys.shape[1] - count
    tile = min(TILE, window)
    parts = [
        _tile(
            query[:, low : low + tile], far_query[:, low : low + tile], local, start + low, window
        )
        for low in range(0, count, tile)
    ]
    return torch.cat([out for out, _ in parts], 1), torch.cat([log for _, log in parts], 1)


def _tile(
    query: Tensor, far_query: Tensor, local: WindowKeys, start: int, window: int
) -> PartialAttention:
    """Return the attention of at most `window` queries from position `start` on."""
    end = start + query.shape[1]
    first = local.first
    oldest = max(first, start - window + 1)  # visible to the first query, not to all
    shared = max(first, end - window)  # from here to `start`, visible to all
    edge = torch.cat([torch.arange(oldest, shared), torch.arange(start, end)])
    edge = edge.to(query.device)
    asked = torch.arange(start, end, device=query.device)[:, None]
    seen = (edge <= asked) & (edge > asked - window)
    chosen = edge - first
    parts = [attend(query, local.keys[:, chosen], local.values[:, chosen], seen)]
    if shared < start:
        middle = slice(shared - first, start - first)
        parts.append(attend(query, local.keys[:, middle], local.values[:, middle]))
    sinks = torch.arange(local.sink_keys.shape[1], device=query.device)
    past = asked - sinks >= window
    if sinks.numel() and bool(end - window > 0):
        parts.append(attend(far_query, local.sink_keys, local.sink_values, past))
    return merge_parts(parts)
