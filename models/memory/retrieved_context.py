"""The context of a question: the opening and retrieved blocks, at consecutive positions."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DamagedBlockError
from models.language.decoder import Decoder
from models.language.engine_decoder import EngineDecoder
from models.language.kv_cache import DecoderCache, KvCache
from models.memory import engine_context
from models.memory.head_groups import SplitCache
from models.memory.kv_store.blocks import Block
from models.memory.stream_snapshot import (
    BlockMask,
    SelectBlocks,
    StreamSnapshot,
    load_blocks,
)

logger = logging.getLogger(__name__)

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
        layers = sum(bool(chosen) for chosen in self.blocks)  # with heads that retrieve
        return [(block, votes[block.id] / layers) for block in order]


def retrieve_context(
    decoder: Decoder, seen: StreamSnapshot, allowed: BlockMask, x: Tensor, select: SelectBlocks
) -> RetrievedContext:
    """Read the question's embeddings `x`, (tokens, width), and select blocks in each layer.

    The question is not kept in the caches. Damaged blocks are replaced by others that are
    `allowed`. A layer without retrieval heads selects none.

    Source: ReKV, Di et al. 2025, section 3.3.
    """
    chosen, caches = [], []
    for index, layer in enumerate(decoder.layers):
        asked = seen.asking(layer.project(x)[0].float().mean(1), index)
        blocks, parts = load_blocks(seen, index, asked, allowed, select) if len(asked) else ((), [])
        cache = _context(decoder, seen, index, parts)
        x = decoder.read_layer(layer, x, cache)
        cache.drop_last(len(x))
        chosen.append(blocks)
        caches.append(cache)
    return RetrievedContext(tuple(chosen), tuple(caches))


def retrieve_in_engine(
    decoder: EngineDecoder,
    seen: StreamSnapshot,
    allowed: BlockMask,
    x: Tensor,
    select: SelectBlocks,
    *,
    room: int,
) -> RetrievedContext:
    """As `retrieve_context`, for a decoder whose layers are run one by one.

    A layer reads `room` tokens of blocks at most.
    """
    chosen, cache = engine_context.retrieve(decoder, seen, allowed, x, select, room=room)
    return RetrievedContext(tuple(chosen), (cache,))


def load_context(
    decoder: Decoder | EngineDecoder, seen: StreamSnapshot, rows: NDArray[np.int64]
) -> RetrievedContext:
    """Return the blocks in `rows`, in order of time, for all layers; no question is read.

    Damaged blocks are left out.
    """
    if isinstance(decoder, EngineDecoder):
        held, pieces = _readable([seen.table.rows[row] for row in rows])
        cache = engine_context.context(decoder, seen, pieces)
        return RetrievedContext((held,) * len(seen.sinks), (cache,))
    allowed = np.zeros(seen.table.count, dtype=bool)
    allowed[rows] = True
    chosen, caches = [], []
    for index, sink in enumerate(seen.sinks):
        blocks, parts = load_blocks(
            seen, index, sink[0], allowed, lambda _l, _q, a: np.flatnonzero(a)
        )
        chosen.append(blocks)
        caches.append(_context(decoder, seen, index, parts))
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


def _context(
    decoder: Decoder, seen: StreamSnapshot, layer: int, parts: Sequence[Tensor]
) -> KvCache | SplitCache:
    """Return the opening and blocks of one layer, rotated to consecutive positions."""
    groups, rotary = seen.groups(layer, parts), decoder.config.rotary
    position = seen.question_position(groups)
    made = [
        KvCache(*seen.context(rotary, layer, each, position), spare=SPARE_TOKENS, position=position)
        for each in groups
    ]
    if seen.heads is None:
        return made[0]
    chosen = [heads for heads, _ in groups if isinstance(heads, list)]
    return SplitCache(list(zip(chosen, made, strict=True)))
