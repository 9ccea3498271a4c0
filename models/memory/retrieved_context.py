"""The context of a question: the opening and retrieved blocks, at consecutive positions."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DamagedBlockError, EmptyMemoryError
from models.language.decoder import Decoder
from models.language.engine_decoder import EngineDecoder
from models.language.kv_cache import DecoderCache, KeyValue, KvCache
from models.memory import engine_window
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.positions import VideoPositions
from models.rotary import apply_rotary

logger = logging.getLogger(__name__)

BlockMask = NDArray[np.bool_]  # (rows of the table,)
# From layer, mean query (heads, width) in float32, and visible blocks to rows in order.
SelectBlocks = Callable[[int, Tensor, BlockMask], NDArray[np.int64]]

SPARE_TOKENS = 512  # tokens of prompt and answer that fit into the buffers


@dataclass(frozen=True, slots=True, eq=False)
class RetrievedContext:
    """For each layer the blocks, in order of time, and a cache of the opening and the blocks.

    A decoder that runs in an engine has one cache for all layers. Tokens that are appended to a
    cache must be removed after use.
    """

    blocks: tuple[tuple[Block, ...], ...]
    caches: tuple[DecoderCache, ...]

    def evidence(self) -> list[tuple[float, float, float]]:
        """Return the start and end in seconds of each block, and the share of layers that use it.

        Blocks that most layers use come first.
        """
        return [(block.start, block.end, share) for block, share in self.ranked_blocks()]

    def ranked_blocks(self) -> list[tuple[Block, float]]:
        """Return each block with the share of layers that use it, the highest share first."""
        named = {block.id: block for chosen in self.blocks for block in chosen}
        votes = dict.fromkeys(named, 0)
        for chosen in self.blocks:
            for block in chosen:
                votes[block.id] += 1
        order = sorted(named.values(), key=lambda block: (-votes[block.id], block.start))
        return [(block, votes[block.id] / len(self.blocks)) for block in order]


def visible_blocks(table: BlockTable, until: float | None) -> BlockMask:
    """Return which blocks end at or before `until`, seconds, and are not lost.

    Raises:
        EmptyMemoryError: none does.
    """
    allowed = table.visible(until)
    if not allowed.any():
        when = "yet" if until is None else f"at or before {until:.1f} s"
        raise EmptyMemoryError(f"nothing has been seen {when}; show something first")
    return allowed


def retrieve_context(
    decoder: Decoder,
    sinks: Sequence[KeyValue],
    table: BlockTable,
    allowed: BlockMask,
    x: Tensor,
    select: SelectBlocks,
    positions: VideoPositions,
) -> RetrievedContext:
    """Read the question's embeddings `x`, (tokens, width), and select blocks in each layer.

    The question is not kept in the caches. Damaged blocks are replaced by others that are
    `allowed`.

    Source: ReKV, Di et al. 2025, section 3.3.
    """
    chosen, caches = [], []
    for index, (layer, sink) in enumerate(zip(decoder.layers, sinks, strict=True)):
        asked = layer.project(x)[0].float().mean(1)
        blocks, parts = _load(table, index, asked, allowed, select)
        cache = _context(decoder, sink, parts, positions)
        x = decoder.read_layer(layer, x, cache)
        cache.drop_last(len(x))
        chosen.append(blocks)
        caches.append(cache)
    return RetrievedContext(tuple(chosen), tuple(caches))


def load_context(
    decoder: Decoder | EngineDecoder,
    sinks: Sequence[KeyValue],
    table: BlockTable,
    rows: NDArray[np.int64],
    positions: VideoPositions,
) -> RetrievedContext:
    """Return the blocks in `rows`, in order of time, for all layers; no question is read.

    Damaged blocks are left out.
    """
    if isinstance(decoder, EngineDecoder):
        held, pieces = _readable([table.rows[row] for row in rows])
        cache = engine_window.context(decoder, sinks, pieces, positions)
        return RetrievedContext((held,) * len(sinks), (cache,))
    allowed = np.zeros(table.count, dtype=bool)
    allowed[rows] = True
    chosen, caches = [], []
    for index, sink in enumerate(sinks):
        blocks, parts = _load(table, index, sink[0], allowed, lambda _l, _q, a: np.flatnonzero(a))
        chosen.append(blocks)
        caches.append(_context(decoder, sink, parts, positions))
    return RetrievedContext(tuple(chosen), tuple(caches))


def _readable(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], list[Tensor]]:
    """Return the blocks that are not damaged, and their keys and values in all layers."""
    held, pieces = [], []
    for block in blocks:
        try:
            pieces.append(block.all_layers())
        except DamagedBlockError as error:
            logger.warning("left out of an answer: %s", error)
        else:
            held.append(block)
    return tuple(held), pieces


def _load(
    table: BlockTable, index: int, asked: Tensor, allowed: BlockMask, select: SelectBlocks
) -> tuple[tuple[Block, ...], list[Tensor]]:
    """Return the blocks that `select` gives for one layer, and their keys and values."""
    while True:
        rows = select(index, asked, allowed)
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


def _context(
    decoder: Decoder, sink: KeyValue, parts: Sequence[Tensor], positions: VideoPositions
) -> KvCache:
    """Return the opening and blocks of one layer, rotated to consecutive positions."""
    like = sink[0]
    pieces = [part.to(like.device, like.dtype, non_blocking=True) for part in parts]
    key = torch.cat([sink[0], *(piece[0] for piece in pieces)], 1)
    value = torch.cat([sink[1], *(piece[1] for piece in pieces)], 1)
    opening, rotary = sink[0].shape[1], decoder.config.rotary
    lengths = [part.shape[2] for part in parts]
    text = rotary.cos_sin(torch.arange(opening, device=key.device))
    video = rotary.cos_sin(positions.block_positions(opening, 0, 0, lengths).to(key.device))
    turned = [apply_rotary(key[:, :opening], text), apply_rotary(key[:, opening:], video)]
    position = positions.text_position(opening, lengths)
    return KvCache(torch.cat(turned, 1), value, spare=SPARE_TOKENS, position=position)
