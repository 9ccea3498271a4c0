"""Preallocated buffers of keys and values: a growing cache, and a sliding window."""

from typing import Protocol

import torch
from torch import Tensor

from models.language.attention import causal_attention


class DecoderCache(Protocol):
    """A cache of a stream: for one layer, or for all layers at once."""

    @property
    def length(self) -> int: ...

    @property
    def position(self) -> int:
        """The position of the next token."""
        ...

    def drop_last(self, count: int) -> None:
        """Remove the last `count` tokens."""
        ...


class LayerCache(DecoderCache, Protocol):
    """A cache of one layer."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Append the rotated keys and values of new tokens, and return their attention.

        `query` is (heads, n, width), `key` and `value` (key heads, n, width); the result has the
        shape of `query`.
        """
        ...


KeyValue = tuple[Tensor, Tensor]  # each (key heads, length, width)


class KvCache:
    """Keys and values of one layer, rotated, in order; the buffers grow by doubling."""

    def __init__(self, key: Tensor, value: Tensor, *, spare: int, position: int = 0) -> None:
        """Start with (key heads, length, width) each, and capacity for `spare` more positions.

        `position` is the position of the next token.
        """
        self.length = key.shape[1]
        self.position = position
        self._pair = tuple(_buffer(part, self.length + spare) for part in (key, value))

    @property
    def keys(self) -> Tensor:
        return self._pair[0][:, : self.length]

    @property
    def values(self) -> Tensor:
        return self._pair[1][:, : self.length]

    def append(self, key: Tensor, value: Tensor) -> KeyValue:
        """Append (key heads, n, width) each, and return all keys and values."""
        end = self.length + key.shape[1]
        if end > self._pair[0].shape[1]:
            self._pair = tuple(_buffer(part[:, : self.length], 2 * end) for part in self._pair)
        for buffer, part in zip(self._pair, (key, value), strict=True):
            buffer[:, self.length : end] = part
        self.length = end
        self.position += key.shape[1]
        return self.keys, self.values

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Append as `append`, and return the attention of `query`, (heads, n, width)."""
        return causal_attention(query, *self.append(key, value))

    def drop_last(self, count: int) -> None:
        """Remove the last `count` tokens."""
        self.length -= count
        self.position -= count


class SlidingWindowCache:
    """The last keys and values of one layer, rotated to their positions in the stream.

    Old ones are removed by moving the others to the front of a buffer that is a quarter larger, so
    a step costs a few times its own length.
    """

    def __init__(self, *, keep: int) -> None:
        """Keep at least the last `keep` positions."""
        self._keep = keep
        self._pair: KeyValue | None = None
        self._low = self._high = 0  # the kept range of the buffers
        self.first = 0  # position of the first kept key

    @property
    def keys(self) -> Tensor:
        """The kept keys, (key heads, kept, width); there must have been some."""
        assert self._pair is not None
        return self._pair[0][:, self._low : self._high]

    def append(self, key: Tensor, value: Tensor) -> KeyValue:
        """Append (key heads, n, width) each; return the kept ones and these."""
        count = key.shape[1]
        surplus = max(0, self._high - self._low - self._keep)
        self._low += surplus
        self.first += surplus
        pair = self._buffers(key, value, count)
        for buffer, part in zip(pair, (key, value), strict=True):
            buffer[:, self._high : self._high + count] = part
        self._high += count
        kept = slice(self._low, self._high)
        return pair[0][:, kept], pair[1][:, kept]

    def restart(self, position: int) -> None:
        """Remove everything; the next key is at `position`."""
        self._low = self._high = 0
        self.first = position

    def _buffers(self, key: Tensor, value: Tensor, count: int) -> KeyValue:
        """Return buffers with capacity for `count` more; the kept range may move to the front."""
        if self._pair is not None and self._high + count <= self._pair[0].shape[1]:
            return self._pair
        length = self._high - self._low
        capacity = length + count + length // 4
        if self._pair is None:
            pair = (_buffer(key[:, :0], capacity), _buffer(value[:, :0], capacity))
        else:
            kept = slice(self._low, self._high)
            old = self._pair
            pair = (_buffer(old[0][:, kept], capacity), _buffer(old[1][:, kept], capacity))
        self._pair, self._low, self._high = pair, 0, length
        return pair


def _buffer(part: Tensor, capacity: int) -> Tensor:
    """Return a buffer of `capacity` positions that starts with `part`."""
    heads, length, width = part.shape
    buffer = part.new_empty(heads, capacity, width)
    buffer[:, :length] = part
    return buffer


def kv_bytes(layers: int, heads: int, width: int, tokens: int, dtype: torch.dtype) -> int:
    """Return the bytes of the keys and values of `tokens` tokens in all layers."""
    return layers * 2 * heads * tokens * width * dtype.itemsize
