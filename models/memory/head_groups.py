"""The attention of one layer whose key heads are of two kinds: each kind has caches of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.language.attention import PartialAttention, WindowKeys, sliding_window_attention
from models.language.head_set import HeadSet
from models.language.kv_cache import KeyValue, KvCache, SlidingWindowCache
from models.memory.positions import VideoPositions
from models.rotary import CosSin, RotaryEmbedding, apply_rotary


@dataclass(slots=True, eq=False)
class WindowGroup:
    """Key heads of a layer that see the last `window` tokens, and their keys and values."""

    heads: Tensor  # int64
    window: int
    cache: SlidingWindowCache
    retrieving: bool


def window_groups(
    heads: HeadSet | None, layer: int, key_heads: int, window: int
) -> list[WindowGroup]:
    """Return the groups of a layer: without a set of heads, all of them see `window` tokens."""
    kinds = [(list(range(key_heads)), window, True)]
    if heads is not None:
        kinds = [
            (heads.heads(layer, retrieving=kind), min(window, span), kind)
            for kind, span in ((True, window), (False, heads.recent))
        ]
    return [
        WindowGroup(torch.tensor(chosen), span, SlidingWindowCache(keep=span - 1), kind)
        for chosen, span, kind in kinds
        if chosen
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Queries, keys and values of new tokens before rotation, and the rotation to their places."""

    query: Tensor
    key: Tensor
    value: Tensor
    cos_sin: CosSin

    @property
    def near(self) -> Tensor:
        return apply_rotary(self.query, self.cos_sin)


def windowed_attention(
    groups: Sequence[WindowGroup],
    new: Projected,
    sink: KeyValue,
    rotary: RotaryEmbedding,
    positions: VideoPositions,
) -> PartialAttention:
    """Append the `new` tokens to the windows of a layer, and return their attention."""
    near, key = new.near, apply_rotary(new.key, new.cos_sin)
    outs, logs = torch.empty_like(near), near.new_empty(near.shape[:2], dtype=torch.float32)
    logs = logs.to(torch.promote_types(near.dtype, torch.float32))
    for group in groups:
        at = torch.tensor([positions.sink_distance(group.window)], device=near.device)
        chosen, asking = group.heads.to(near.device), _asking(near, key, group.heads)
        keys, values = group.cache.append(key[chosen], new.value[chosen])
        local = WindowKeys(
            keys=keys,
            values=values,
            first=group.cache.first,
            sink_keys=sink[0][chosen],
            sink_values=sink[1][chosen],
        )
        far = apply_rotary(new.query[asking], rotary.cos_sin(at))
        outs[asking], logs[asking] = sliding_window_attention(
            near[asking], far, local, window=group.window
        )
    return outs, logs


def _asking(query: Tensor, key: Tensor, heads: Tensor) -> Tensor:
    """Return the query heads that share the key `heads`."""
    every = torch.arange(len(query), device=query.device).view(len(key), -1)
    return every[heads.to(query.device)].flatten()


class SplitCache:
    """The keys and values of one layer in a cache for each group of key heads.

    The next token has the same position in all of them.
    """

    def __init__(self, parts: Sequence[tuple[Sequence[int], KvCache]]) -> None:
        """Each cache has the keys of the key heads beside it."""
        self._parts = [(torch.tensor(heads), cache) for heads, cache in parts]

    def __iter__(self) -> Iterator[tuple[Tensor, KvCache]]:
        return iter(self._parts)

    @property
    def length(self) -> int:
        return max(cache.length for _, cache in self._parts)

    @property
    def position(self) -> int:
        return self._parts[0][1].position

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Append the rotated keys and values of new tokens, and return their attention."""
        mixed = torch.empty_like(query)
        for heads, cache in self._parts:
            asking, chosen = _asking(query, key, heads), heads.to(query.device)
            mixed[asking] = cache.attend(query[asking], key[chosen], value[chosen])
        return mixed

    def drop_last(self, count: int) -> None:
        """Remove the last `count` tokens."""
        for _, cache in self._parts:
            cache.drop_last(count)
