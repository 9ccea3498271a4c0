"""Blocks of keys and values, and the table of all blocks of a memory.

A table is immutable: appending returns a new one over the same buffers, removing returns one over
new buffers. So one thread can read its table for an answer while another thread stores.

    block    memory set      record set       then
    new      yes             no               only in RAM
    spilled  yes -> None     set first        on disk; readers keep the `memory` they have
    lost     None            unreadable       `lost` is the reason; it is not used any more
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import DamagedBlockError
from models.memory.kv_store.codec import unpack
from models.memory.kv_store.fewer_bits import Bits, dequantize, quantized_bytes
from models.memory.kv_store.record_log import Record

START_ROWS = 64


@dataclass(slots=True, eq=False, kw_only=True)
class Block:
    """Keys, before rotation, and values of one part of the stream, in all layers.

    Times are in seconds of the stream. `shape` is (layers, 2, key heads, tokens, width), and
    `memory` has that shape, or is uint8 (layers, bytes) if the block is stored in fewer `bits`;
    `salience`, if a policy measured it, is float32 (layers, key heads, tokens). `weight` counts
    the frames that were merged; a `thinned` block has fewer tokens, or cannot be thinned.
    `replaces` are the ids of the blocks it replaces.
    """

    id: int
    start: float
    end: float
    shape: tuple[int, ...]
    dtype: torch.dtype
    memory: Tensor | None = None
    salience: Tensor | None = None
    record: Record | None = None
    weight: int = 1
    thinned: bool = False
    replaces: tuple[int, ...] = ()
    lost: str = ""
    bits: Bits | None = None

    @property
    def tokens(self) -> int:
        return self.shape[3]

    @property
    def size(self) -> int:
        """Bytes of the keys and values."""
        if self.bits is not None:
            return self.shape[0] * quantized_bytes(self.shape[1:], self.bits)
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def layer(self, index: int) -> Tensor:
        """Return keys and values of one layer, (2, key heads, tokens, width).

        Raises:
            DamagedBlockError: what was spilled cannot be read back; the block is marked lost.
        """
        return self.some_layers(slice(index, index + 1))[0]

    def all_layers(self) -> Tensor:
        """Return keys and values of all layers, as `memory`.

        Raises:
            DamagedBlockError: as `layer`.
        """
        return self.some_layers(slice(0, self.shape[0]))

    def some_layers(self, chosen: slice) -> Tensor:
        """Return keys and values of adjacent layers, as `memory`.

        Raises:
            DamagedBlockError: as `layer`.
        """
        memory = self.memory  # read once: another thread may spill it
        if memory is not None:
            return self._decoded(memory[chosen])
        numbers = range(*chosen.indices(self.shape[0]))
        try:
            stored = [self._unpack(f"layer {number}") for number in numbers]
        except (DamagedBlockError, ValueError) as error:
            self.lost = self.lost or str(error)
            raise DamagedBlockError(
                f"block {self.id} ({self.start:.1f} s to {self.end:.1f} s) is lost: {error}"
            ) from error
        if not stored:
            return torch.zeros((0, *self.shape[1:]), dtype=self.dtype)
        return self._decoded(torch.stack(stored))

    def stored_layers(self) -> Tensor:
        """Return all layers as they are stored: as `memory`.

        Raises:
            DamagedBlockError: as `layer`.
        """
        memory = self.memory
        return self.all_layers() if memory is None else memory

    def load_salience(self) -> Tensor | None:
        """Return the salience, from disk if it was spilled; None if it was not measured."""
        salience = self.salience
        if salience is None and self.record is not None and "salience" in self.record.names:
            layers, _, heads, tokens, _ = self.shape
            try:
                data = self.record.read("salience")
                salience = unpack(data, (layers, heads, tokens), torch.float32)
            except (DamagedBlockError, ValueError):
                return None  # the block is kept whole, as without a measure
        return salience

    def _unpack(self, name: str) -> Tensor:
        if self.record is None:
            raise DamagedBlockError("it is neither in memory nor on disk")
        data = self.record.read(name)
        if self.bits is None:
            return unpack(data, self.shape[1:], self.dtype)
        return unpack(data, (quantized_bytes(self.shape[1:], self.bits),), torch.uint8)

    def _decoded(self, stored: Tensor) -> Tensor:
        """Return stored layers as keys and values, (..., 2, key heads, tokens, width)."""
        if self.bits is None:
            return stored
        return dequantize(stored, self.shape[1:], self.bits, self.dtype)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BlockTable:
    """The blocks of a memory, in order of time.

    `representatives` is float32 (layers, rows, key heads * width), `starts` and `ends` are
    in seconds. The first `count` elements of each, and of `rows`, belong to this table.
    """

    rows: list[Block]
    representatives: Tensor
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    count: int

    @property
    def blocks(self) -> list[Block]:
        return self.rows[: self.count]

    def visible(self, until: float | None) -> NDArray[np.bool_]:
        """Return which blocks end at or before `until`, seconds, and are not lost."""
        ends = self.ends[: self.count]
        seen = ends <= (np.inf if until is None else until)
        seen &= np.array([not block.lost for block in self.blocks], dtype=bool)
        return seen

    def append(self, block: Block, representative: Tensor) -> "BlockTable":
        """Return a table with one more block, later than all others; this one is unchanged."""
        table = self if self.count < len(self.starts) else self._grown()
        row = self.count
        table.representatives[:, row] = representative
        table.starts[row], table.ends[row] = block.start, block.end
        assert len(table.rows) == row  # only the newest table is appended to
        table.rows.append(block)
        return replace(table, count=row + 1)

    def _grown(self) -> "BlockTable":
        layers, rows, width = self.representatives.shape
        bigger = self.representatives.new_empty(layers, 2 * rows, width)
        bigger[:, : self.count] = self.representatives[:, : self.count]
        starts, ends = (np.resize(column, 2 * rows) for column in (self.starts, self.ends))
        return BlockTable(
            rows=self.blocks, representatives=bigger, starts=starts, ends=ends, count=self.count
        )


def make_table(blocks: Sequence[Block], representatives: Sequence[Tensor]) -> BlockTable:
    """Return a table of `blocks`, sorted by time.

    Each of `representatives` is float32 (layers, key heads * width).
    """
    order = sorted(range(len(blocks)), key=lambda row: (blocks[row].end, blocks[row].start))
    rows = max(START_ROWS, len(blocks))
    layers, width = representatives[0].shape if representatives else (0, 0)
    made = BlockTable(
        rows=[blocks[row] for row in order],
        representatives=torch.zeros(layers, rows, width),
        starts=np.zeros(rows),
        ends=np.zeros(rows),
        count=len(blocks),
    )
    for row, old in enumerate(order):
        made.representatives[:, row] = representatives[old]
        made.starts[row], made.ends[row] = blocks[old].start, blocks[old].end
    return made


def representative(memory: Tensor) -> Tensor:
    """Return the representative of a block: the mean of its keys, float32 (layers, heads * width).

    It has key heads, not query heads: the sum of the queries that share a key head gives the same
    products.

    Source: ReKV, Di et al. 2025, section 3.3.
    """
    return memory[:, 0].float().mean(2).flatten(1)


def to_host(memory: Tensor) -> Tensor:
    """Return `memory` in RAM; from a GPU it is pinned, for fast transfers back."""
    if memory.device.type != "cuda":
        return memory.cpu()
    pinned = torch.empty(memory.shape, dtype=memory.dtype, pin_memory=True)
    return pinned.copy_(memory)
