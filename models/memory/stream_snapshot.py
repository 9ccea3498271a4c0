"""What a question reads of a stream: its opening, its blocks, and what streaming heads see."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DamagedBlockError, EmptyMemoryError
from models.language.head_set import HeadSet
from models.language.kv_cache import KeyValue
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.positions import VideoPositions
from models.memory.recent_blocks import Recent
from models.rotary import RotaryEmbedding, apply_rotary

logger = logging.getLogger(__name__)

BlockMask = NDArray[np.bool_]  # (rows of the table,)
# From layer, mean query (heads, width) in float32, and visible blocks to rows in order.
SelectBlocks = Callable[[int, Tensor, BlockMask], NDArray[np.int64]]
# Key heads, all of them or some, and the keys and values of blocks for them.
HeadGroup = tuple[slice | list[int], Sequence[Tensor]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StreamSnapshot:
    """What a question reads: the opening, the table of blocks, and what streaming heads see.

    `sinks` are the keys, before rotation, and values of the opening in each layer.
    """

    sinks: Sequence[KeyValue]
    table: BlockTable
    positions: VideoPositions
    heads: HeadSet | None = None
    recent: Recent = ()

    def stored(self, row: int, layer: int) -> Tensor:
        """Return what a layer retrieves from a block, (2, heads, tokens, width).

        Raises:
            DamagedBlockError: what was spilled cannot be read back.
        """
        block = self.table.rows[row]
        return block.layer(layer) if self.heads is None else self.heads.stored(block, layer)

    def asking(self, query: Tensor, layer: int) -> Tensor:
        """Return the part of `query`, (heads, width), that belongs to retrieval heads."""
        if self.heads is None:
            return query
        return self.heads.queries(query, layer, retrieving=True)

    @property
    def opening(self) -> int:
        """The tokens of the opening."""
        return self.sinks[0][0].shape[1]

    def groups(self, layer: int, parts: Sequence[Tensor]) -> list[HeadGroup]:
        """Return the key heads of a layer, and for each kind what it reads.

        Retrieval heads read `parts`, (2, heads, tokens, width) each, and streaming heads the recent
        blocks.
        """
        if self.heads is None:
            return [(slice(None), parts)]
        streamed = [self.heads.streamed(each.rows, layer) for each in self.recent]
        kinds = ((True, parts), (False, streamed))
        found = [(self.heads.heads(layer, retrieving=kind), held) for kind, held in kinds]
        return [(chosen, held) for chosen, held in found if chosen]

    def question_position(self, groups: Sequence[HeadGroup]) -> int:
        """Return the position of a question after what the group with most tokens reads."""
        lengths = [[part.shape[2] for part in held] for _, held in groups]
        return self.positions.text_position(self.opening, max(lengths, key=sum))

    def context(
        self,
        rotary: RotaryEmbedding,
        layer: int,
        group: HeadGroup,
        position: int,
    ) -> KeyValue:
        """Return the opening and blocks that a group of key heads reads, and their values.

        Keys are rotated to consecutive positions, right before that of the question, `position`.
        """
        heads, parts = group
        sink = [part[heads] for part in self.sinks[layer]]
        like, opening = sink[0], self.opening
        pieces = [part.to(like.device, like.dtype, non_blocking=True) for part in parts]
        key = torch.cat([sink[0], *(piece[0] for piece in pieces)], 1)
        value = torch.cat([sink[1], *(piece[1] for piece in pieces)], 1)
        lengths = [part.shape[2] for part in parts]
        shift = position - self.positions.text_position(opening, lengths)
        text = shift + torch.arange(opening, device=key.device)
        video = shift + self.positions.block_positions(opening, 0, 0, lengths).to(key.device)
        turned = [
            apply_rotary(key[:, :opening], rotary.cos_sin(text)),
            apply_rotary(key[:, opening:], rotary.cos_sin(video)),
        ]
        return torch.cat(turned, 1), value


def most_tokens(seen: StreamSnapshot, blocks: int) -> int:
    """Return how many tokens a layer reads at most if it selects so many blocks."""
    largest = max((block.tokens for block in seen.table.blocks), default=0)
    return max(blocks * largest, sum(each.block.tokens for each in seen.recent))


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


def load_blocks(
    seen: StreamSnapshot, index: int, asked: Tensor, allowed: BlockMask, select: SelectBlocks
) -> tuple[tuple[Block, ...], list[Tensor]]:
    """Return the blocks that `select` gives for one layer, and their keys and values."""
    while True:
        rows = select(index, asked, allowed)
        parts = []
        for row in rows:
            try:
                parts.append(seen.stored(row, index))
            except DamagedBlockError as error:
                logger.warning("left out of an answer: %s", error)
                allowed[row] = False
                break
        else:
            return tuple(seen.table.rows[row] for row in rows), parts
