"""What a stream has made so far, as far as its model still sees it: sink and rolling window.

The first `sink` latents stay for good, then the last `window` ones follow. Buffers are allocated
once; memory and time a latent do not depend on how long the stream is. Keys are unrotated, and
whoever reads them counts positions from the oldest latent in view: so the sink always lies just
before the window.

Sources: Xiao et al. 2024 (attention sinks); Rolling Forcing, Liu et al. 2025, for the sink's keys.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generation.dit import DitConfig, KeysValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How many latents a model sees of its past: the first `sink`, and the last `window`.

    With `span` it looks in two ways, as Rolling Forcing's own weights learnt to. What makes latents
    sees the sink and as many of the last as leave `span` in all, itself included; what remembers
    one sees the `window` last, the sink only while it is among them.
    """

    sink: int = 1
    window: int = 4
    span: int | None = None

    @property
    def latents(self) -> int:
        return self.sink + self.window


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Clean latents in view, oldest first, with what the model needs of them.

    `keys` and `values` are (layers, 1, heads, tokens, head_dim) with room for `reach.latents`;
    `latents` (1, channels, room, height, width) and `condition` are what they were made from, to
    read them again with another prompt. The first `length` latents of each are valid.
    """

    reach: Reach
    keys: Tensor
    values: Tensor
    latents: Tensor
    condition: Tensor
    length: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of a latent."""
        return self.keys.shape[3] // max(1, self.reach.latents)

    def past(self) -> KeysValues | None:
        """Return what is in view of a clean chunk that is remembered."""
        first = 0 if self.reach.span is None else max(0, self.length - self.reach.window)
        return self._between(first)

    def past_for(self, count: int) -> KeysValues | None:
        """Return what is in view of a call that makes `making` latents."""
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
        """Return latents `start` to `end` in view, None where there is none."""
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
    """Return a context that holds nothing, for latents of `height` x `width`.

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
    """Return `context` with a chunk added, in the same buffers; the old one is spent.

    Where there is no room, the oldest latent that is not in the sink falls out.
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
    """Move what lies in `buffer` after `start` towards it by `by`; its end keeps old values."""
    length = buffer.shape[axis] - start - by
    buffer.narrow(axis, start, length).copy_(buffer.narrow(axis, start + by, length).clone())


def copy_context(context: Context) -> Context:
    """Return a context with buffers of its own."""
    return replace(
        context,
        keys=context.keys.clone(),
        values=context.values.clone(),
        latents=context.latents.clone(),
        condition=context.condition.clone(),
    )
