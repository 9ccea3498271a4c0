"""The attention context of a stream: a sink of first latents, and a rolling window.

The first `sink` latents stay, and the last `window` ones follow. Buffers are allocated once, so
memory and time per latent do not depend on the length of the stream. Keys are unrotated; readers
count positions from the oldest latent in view, so the sink is always just before the window.

Sources: Xiao et al. 2024 (attention sinks); Rolling Forcing, Liu et al. 2025, for the sink's keys.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generation.dit import DitConfig, KeysValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How many latents a model sees of its past: the first `sink` and the last `window`.

    `span` is for Rolling Forcing's own weights, which use two contexts. A call that generates
    latents sees `span` latents in all: the sink, the last ones and its own. A call that commits one
    sees the last `window`, without the sink once it is older.
    """

    sink: int = 1
    window: int = 4
    span: int | None = None

    @property
    def latents(self) -> int:
        return self.sink + self.window


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Clean latents in view, oldest first, with their keys and values.

    `keys` and `values` are (layers, 1, heads, tokens, head_dim) with room for `reach.latents`;
    `latents` (1, channels, room, height, width) and `condition` are their source, for rereading
    with another prompt. The first `length` latents of each are valid.
    """

    reach: Reach
    keys: Tensor
    values: Tensor
    latents: Tensor
    condition: Tensor
    length: int = 0

    @property
    def tokens(self) -> int:
        return self.keys.shape[3] // max(1, self.reach.latents)

    def past(self) -> KeysValues | None:
        """Return the past of a call that remembers a clean chunk."""
        first = 0 if self.reach.span is None else max(0, self.length - self.reach.window)
        return self._between(first)

    def past_for(self, count: int) -> KeysValues | None:
        """Return the past of a call that makes `count` latents."""
        reach = self.reach
        if reach.span is None or self.length <= reach.sink:
            return self._between(0)
        recent = max(0, reach.span - reach.sink - count)
        first = max(reach.sink, self.length - recent)
        sink, last = self._between(0, reach.sink), self._between(first)
        parts = [part for part in (sink, last) if part is not None]
        if not parts:
            return None
        keys, values = ([getattr(part, name) for part in parts] for name in ("keys", "values"))
        return KeysValues(torch.cat(keys, 3), torch.cat(values, 3))

    def _between(self, start: int, end: int | None = None) -> KeysValues | None:
        """Return latents `start` to `end` in view, None for none."""
        end = self.length if end is None else end
        if start >= end:
            return None
        part = slice(start * self.tokens, end * self.tokens)
        return KeysValues(self.keys[..., part, :], self.values[..., part, :])

    @property
    def size(self) -> int:
        """Bytes of all buffers."""
        parts = (self.keys, self.values, self.latents, self.condition)
        return sum(part.numel() * part.element_size() for part in parts)


def empty_context(
    config: DitConfig,
    reach: Reach,
    height: int,
    width: int,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Context:
    """Return an empty context for latents of `height` x `width`.

    Keys and values are of `dtype`, latents float32.
    """
    tokens = (height // config.patch) * (width // config.patch) * reach.latents
    shape = (config.layers, 1, config.heads, tokens, config.head_dim)
    picture = (reach.latents, height, width)
    return Context(
        reach,
        torch.zeros(shape, device=device, dtype=dtype),
        torch.zeros(shape, device=device, dtype=dtype),
        torch.zeros(1, config.channels, *picture, device=device),
        torch.zeros(1, config.condition, *picture, device=device),
    )


def append_chunk(
    context: Context, latents: Tensor, condition: Tensor, keys_values: KeysValues
) -> Context:
    """Return `context` with a chunk added, in the same buffers; `context` becomes invalid.

    If there is no room, the oldest latent outside the sink is dropped.
    """
    for index in range(latents.shape[2]):
        context = _append_one(context, latents, condition, keys_values, index)
    return context


def _append_one(
    context: Context, latents: Tensor, condition: Tensor, keys_values: KeysValues, index: int
) -> Context:
    """Add latent `index` of a chunk."""
    reach, tokens = context.reach, context.tokens
    if not reach.latents:
        return context
    place = context.length
    if place == reach.latents:
        place -= 1
        if not reach.window:
            return context
        for buffer in (context.keys, context.values):
            _shift(buffer, 3, reach.sink * tokens, tokens)
        for buffer in (context.latents, context.condition):
            _shift(buffer, 2, reach.sink, 1)
    at, of = (slice(n * tokens, (n + 1) * tokens) for n in (place, index))
    context.keys[..., at, :] = keys_values.keys[..., of, :]
    context.values[..., at, :] = keys_values.values[..., of, :]
    context.latents[:, :, place] = latents[:, :, index]
    context.condition[:, :, place] = condition[:, :, index]
    return replace(context, length=place + 1)


def _shift(buffer: Tensor, axis: int, start: int, by: int) -> None:
    """Move the values in `buffer` after `start` back by `by`; its end keeps old values."""
    length = buffer.shape[axis] - start - by
    buffer.narrow(axis, start, length).copy_(buffer.narrow(axis, start + by, length).clone())


def copy_context(context: Context) -> Context:
    """Return a copy with its own buffers."""
    return replace(
        context,
        keys=context.keys.clone(),
        values=context.values.clone(),
        latents=context.latents.clone(),
        condition=context.condition.clone(),
    )
