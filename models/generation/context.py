"""The attention context of a stream: a sink of first latents, and a rolling window.

The first `sink` latents stay, and the last `window` ones follow; a chunk that is pinned, the first
of a new scene, stays until another one is. Buffers are allocated once, so
memory and time per latent do not depend on the length of the stream. Keys are unrotated, and a
latent may be in any slot: positions are counted from the oldest latent in view, so the sink is
always just before the window.

A chunk is written to slots that are not in view, so a context stays valid until the second chunk
after it.

Sources: Xiao et al. 2024 (attention sinks); Rolling Forcing, Liu et al. 2025, for the sink's keys;
LongLive 2.0, Chen et al. 2026, for pinned chunks ("multi-shot attention sink").
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
    """Clean latents with their keys and values, in slots; `order` are those in view, oldest first.

    Those in `pinned` stay in view, beside the sink.

    `keys` and `values` are (layers, 1, heads, slots * tokens, head_dim); `latents`
    (1, channels, slots, height, width) and `condition` are their source, for rereading with another
    prompt.
    """

    reach: Reach
    keys: Tensor
    values: Tensor
    latents: Tensor
    condition: Tensor
    order: tuple[int, ...] = ()
    pinned: tuple[int, ...] = ()

    @property
    def slots(self) -> int:
        return self.latents.shape[2]

    @property
    def tokens(self) -> int:
        """Tokens of a latent."""
        return self.keys.shape[3] // self.slots

    def seen(self) -> tuple[int, ...]:
        """Return the slots that a call sees that remembers a clean chunk, oldest first."""
        if self.reach.span is None:
            return self.order
        return self.order[max(0, len(self.order) - self.reach.window) :]

    def seen_by(self, count: int) -> tuple[int, ...]:
        """Return the slots that a call sees that makes `count` latents, oldest first."""
        reach = self.reach
        if reach.span is None or len(self.order) <= reach.sink:
            return self.order
        recent = max(0, reach.span - reach.sink - count)
        first = max(reach.sink, len(self.order) - recent)
        return (*self.order[: reach.sink], *self.order[first:])

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
    chunk: int = 1,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Context:
    """Return an empty context for latents of `height` x `width`, `chunk` at a time.

    Keys and values are of `dtype`, latents float32.
    """
    slots = reach.latents + chunk
    tokens = (height // config.patch) * (width // config.patch) * slots
    shape = (config.layers, 1, config.heads, tokens, config.head_dim)
    picture = (slots, height, width)
    return Context(
        reach,
        torch.zeros(shape, device=device, dtype=dtype),
        torch.zeros(shape, device=device, dtype=dtype),
        torch.zeros(1, config.channels, *picture, device=device),
        torch.zeros(1, config.condition, *picture, device=device),
    )


def append_chunk(
    context: Context,
    latents: Tensor,
    condition: Tensor,
    keys_values: KeysValues,
    *,
    pinned: bool = False,
) -> Context:
    """Return `context` with a chunk added, in the same buffers.

    If there is no room, the oldest latents that are neither in the sink nor pinned are dropped.
    `pinned` pins this chunk from then on, in place of an earlier one. `context` stays valid until
    the next chunk is added.
    """
    free = [slot for slot in range(context.slots) if slot not in context.order]
    order, tokens = context.order, context.tokens
    taken = tuple(free[: latents.shape[2]])
    kept = taken if pinned else context.pinned
    for index, slot in zip(range(latents.shape[2]), taken, strict=True):
        at, of = (slice(n * tokens, (n + 1) * tokens) for n in (slot, index))
        context.keys[..., at, :] = keys_values.keys[..., of, :]
        context.values[..., at, :] = keys_values.values[..., of, :]
        context.latents[:, :, slot] = latents[:, :, index]
        context.condition[:, :, slot] = condition[:, :, index]
        order = in_view((*order, slot), context.reach, kept)
    return replace(context, order=order, pinned=kept)


def in_view(order: tuple[int, ...], reach: Reach, pinned: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return `order` without what is too old: not of the first `sink`, and not `pinned`."""
    later = [slot for slot in order[reach.sink :] if slot not in pinned]
    over = max(0, len(order) - reach.latents)
    return tuple(slot for slot in order if slot not in later[:over])


def copy_context(context: Context) -> Context:
    """Return a copy with its own buffers."""
    return replace(
        context,
        keys=context.keys.clone(),
        values=context.values.clone(),
        latents=context.latents.clone(),
        condition=context.condition.clone(),
    )
