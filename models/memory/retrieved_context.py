"""What a question looks at: the opening and blocks, turned to positions that follow each other."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DamagedBlockError, EmptyMemoryError
from models.language.decoder import Decoder
from models.language.kv_cache import Cache, KeyValue
from models.language.rotary import rotate
from models.memory.blocks import Block, Table
from models.memory.positions import Places

logger = logging.getLogger(__name__)

Allowed = NDArray[np.bool_]  # (rows of the table,)
# Layer, mean query (heads, width) in float32, and what may be looked at, to rows in order.
Pick = Callable[[int, Tensor, Allowed], NDArray[np.int64]]

ROOM = 512  # tokens of prompt and answer that need no new buffer


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved:
    """For each layer the blocks, in order of time, and a cache of the opening and these.

    Who adds to a cache cuts it back.
    """

    blocks: tuple[tuple[Block, ...], ...]
    caches: tuple[Cache, ...]

    def evidence(self) -> list[tuple[float, float, float]]:
        """Return start and end in seconds, and the share of layers that look at it, of each block.

        Those that most layers look at come first.
        """
        return [(block.start, block.end, share) for block, share in self.voted()]

    def voted(self) -> list[tuple[Block, float]]:
        """Return each block with the share of layers that look at it, most first."""
        named = {block.id: block for chosen in self.blocks for block in chosen}
        votes = dict.fromkeys(named, 0)
        for chosen in self.blocks:
            for block in chosen:
                votes[block.id] += 1
        order = sorted(named.values(), key=lambda block: (-votes[block.id], block.start))
        return [(block, votes[block.id] / len(self.blocks)) for block in order]


def visible(table: Table, until: float | None) -> Allowed:
    """Return which blocks end at or before `until`, seconds, and are not lost.

    Raises:
        EmptyMemoryError: none does.
    """
    allowed = table.visible(until)
    if not allowed.any():
        when = "yet" if until is None else f"at or before {until:.1f} s"
        raise EmptyMemoryError(f"nothing has been seen {when}; show something first")
    return allowed


def look(
    decoder: Decoder,
    sinks: Sequence[KeyValue],
    table: Table,
    allowed: Allowed,
    x: Tensor,
    pick: Pick,
    places: Places,
) -> Retrieved:
    """Read the question's embeddings `x`, (tokens, width), layer by layer, each picking blocks.

    The question itself is dropped again. Blocks that turn out to be damaged are left out for
    others that are `allowed`.

    Source: ReKV, Di et al. 2025, section 3.3.
    """
    chosen, caches = [], []
    for index, (layer, sink) in enumerate(zip(decoder.layers, sinks, strict=True)):
        asked = layer.project(x)[0].float().mean(1)
        blocks, parts = _load(table, index, asked, allowed, pick)
        cache = _context(decoder, sink, parts, places)
        x = decoder.read_layer(layer, x, cache)
        cache.cut(len(x))
        chosen.append(blocks)
        caches.append(cache)
    return Retrieved(tuple(chosen), tuple(caches))


def fetch(
    decoder: Decoder,
    sinks: Sequence[KeyValue],
    table: Table,
    rows: NDArray[np.int64],
    places: Places,
) -> Retrieved:
    """Return the blocks in `rows`, in order of time, for all layers; no question is read.

    Damaged blocks are left out.
    """
    allowed = np.zeros(table.count, dtype=bool)
    allowed[rows] = True
    chosen, caches = [], []
    for index, sink in enumerate(sinks):
        blocks, parts = _load(table, index, sink[0], allowed, lambda _l, _q, a: np.flatnonzero(a))
        chosen.append(blocks)
        caches.append(_context(decoder, sink, parts, places))
    return Retrieved(tuple(chosen), tuple(caches))


def _load(
    table: Table, index: int, asked: Tensor, allowed: Allowed, pick: Pick
) -> tuple[tuple[Block, ...], list[Tensor]]:
    """Return the blocks that are picked for one layer, and their keys and values."""
    while True:
        rows = pick(index, asked, allowed)
        parts = []
        for row in rows:
            try:
                parts.append(table.rows[row].layer(index))
            except DamagedBlockError as error:
                logger.warning("left out of an answer: %s", error)
                allowed[row] = False
                break
        else:
            return tuple(table.rows[row] for row in rows), parts


def _context(decoder: Decoder, sink: KeyValue, parts: Sequence[Tensor], places: Places) -> Cache:
    """Return the opening and blocks of one layer, turned to positions that follow each other."""
    like = sink[0]
    pieces = [part.to(like.device, like.dtype, non_blocking=True) for part in parts]
    key = torch.cat([sink[0], *(piece[0] for piece in pieces)], 1)
    value = torch.cat([sink[1], *(piece[1] for piece in pieces)], 1)
    opening, rotary = sink[0].shape[1], decoder.config.rotary
    lengths = [part.shape[2] for part in parts]
    text = rotary.turns(torch.arange(opening, device=key.device))
    video = rotary.turns(places.video(opening, 0, 0, lengths).to(key.device))
    turned = [rotate(key[:, :opening], text), rotate(key[:, opening:], video)]
    position = places.after(opening, lengths)
    return Cache(torch.cat(turned, 1), value, room=ROOM, position=position)
