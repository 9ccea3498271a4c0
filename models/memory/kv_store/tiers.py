"""The tiers of a block store: the device, RAM and disk, each within its budget.

New blocks start in the top tier; when a tier exceeds its budget, its oldest blocks move down.
Without a folder there is no disk, and a full RAM budget refuses new blocks. With a folder, all
blocks survive a restart after `save`. Spilled blocks, and all blocks of a durable store, also
survive the end of the process at any time.

One thread stores; others may read `table` at any time, see `models.memory.kv_store.blocks`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from models.errors import StoreError, StoreFullError
from models.memory.kv_store import blocks, malloc_trim
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.kv_store.disk_tier import DiskTier
from models.memory.kv_store.fewer_bits import Bits, quantize

logger = logging.getLogger(__name__)

RELEASE_INTERVAL = 16 << 20  # bytes spilled between two calls of `release_free_memory`


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBudget:
    """The maximum bytes of keys and values in each tier, without the representatives.

    `device` applies if the model is not on the CPU; 0 moves every block to RAM at once.
    """

    device: int = 0
    ram: int = 4 << 30
    disk: int = 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSizes:
    """The bytes that a store uses: keys and values by tier, and the table."""

    device: int
    ram: int
    disk: int
    table: int


class BlockStore:
    """The blocks of one stream. `open_store` opens a store in a folder."""

    def __init__(
        self,
        budget: StoreBudget | None = None,
        *,
        disk: DiskTier | None = None,
        durable: bool = False,
    ) -> None:
        """Start with the blocks of the tier `disk`, or empty.

        A `durable` store also writes each block to the disk when it is appended.
        """
        self.budget = budget or StoreBudget()
        self.write_error: StoreError | None = None  # why the newest blocks are in RAM alone
        self._durable = durable
        self._disk = disk
        found, representatives = disk.load() if disk else ([], [])
        self.table: BlockTable = blocks.make_table(found, representatives)
        self._next = 1 + max((block.id for block in found), default=-1)
        self._spilled = 0  # bytes since the heap was last tidied
        self._device: list[Block] = []  # blocks of each tier above the disk, oldest first
        self._ram: list[Block] = []

    @property
    def folder(self) -> Path | None:
        """The folder of the disk tier, if there is one."""
        return self._disk.folder if self._disk else None

    @property
    def lost(self) -> tuple[tuple[float, float, str], ...]:
        """The start and end in seconds of blocks that could not be read, and the reason."""
        at_start = self._disk.lost if self._disk else ()
        later = ((b.start, b.end, b.lost) for b in self.table.blocks if b.lost)
        return (*at_start, *later)

    @property
    def sizes(self) -> StoreSizes:
        """The bytes in use."""
        return StoreSizes(
            device=_total(self._device),
            ram=_total(self._ram),
            disk=self._disk.size if self._disk else 0,
            table=self.table.representatives.nbytes,
        )

    def reserve(self, size: int) -> None:
        """Make room in RAM for `size` bytes of new blocks.

        After an error all stored blocks can still be read.

        Raises:
            StoreFullError: there is no room, and no disk tier.
            StoreError: the disk cannot be written.
        """
        need = self._pushed_down(size)
        if need > self.budget.ram:
            raise StoreFullError(
                f"{need} bytes do not fit into a RAM budget of {self.budget.ram}; raise the "
                "budget, or store fewer or smaller blocks at once"
            )
        while _total(self._ram) + need > self.budget.ram:
            self._spill(self._ram[0])
            del self._ram[0]

    def append(
        self,
        memory: Tensor,
        *,
        start: float,
        end: float,
        salience: Tensor | None = None,
        represented: bool = True,
        bits: Bits | None = None,
    ) -> Block:
        """Store one block, later than all before, and return it.

        `memory` is (layers, 2, key heads, tokens, width), and is owned by the store from now on;
        times are in seconds. Either all blocks of a store are `represented`, or none; without
        representatives they are selected by ids. With `bits` it is stored in so many.

        Raises:
            ValueError: it begins before the last block ends.
            StoreFullError, StoreError: as `reserve`.
        """
        held = self.table
        if held.count and start < held.ends[held.count - 1]:
            raise ValueError(
                f"a block from {start} s cannot follow one that ends at "
                f"{held.ends[held.count - 1]} s; give frames in order of time"
            )
        block = self.new_block(memory, start=start, end=end, salience=salience)
        if bits is not None:
            block.memory, block.bits = quantize(memory, bits), bits
        self.reserve(block.size)
        representative = blocks.representative(memory if represented else memory[..., :0]).cpu()
        if held.count:
            self.table = held.append(block, representative)
        else:
            self.table = blocks.make_table([block], [representative])
        self._admit(block)
        if self._durable:
            self._write_through()
        return block

    def new_block(
        self,
        memory: Tensor,
        *,
        start: float,
        end: float,
        salience: Tensor | None = None,
        replaces: tuple[int, ...] = (),
    ) -> Block:
        """Return a block with a new id, which is not stored yet."""
        self._next += 1
        return Block(
            id=self._next - 1,
            start=start,
            end=end,
            shape=tuple(memory.shape),
            dtype=memory.dtype,
            memory=memory,
            salience=salience,
            replaces=replaces,
        )

    def replace(self, made: Sequence[Block], representatives: Sequence[Tensor]) -> None:
        """Replace the blocks that the new ones list in `replaces`.

        Earlier tables keep the old blocks.

        Raises:
            StoreFullError, StoreError: as `reserve`; then nothing is replaced.
        """
        if not made:
            return
        self.reserve(sum(block.size for block in made))
        gone = {old for block in made for old in block.replaces}
        held = self.table
        kept = [row for row, block in enumerate(held.blocks) if block.id not in gone]
        self.table = blocks.make_table(
            [*(held.blocks[row] for row in kept), *made],
            [*(held.representatives[:, row] for row in kept), *representatives],
        )
        self._device = [block for block in self._device if block.id not in gone]
        self._ram = [block for block in self._ram if block.id not in gone]
        for block in made:
            assert block.memory is not None
            block.memory = blocks.to_host(block.memory)
        # They replace old blocks, so they are spilled before newer ones.
        self._ram = sorted([*self._ram, *made], key=lambda block: (block.end, block.start))

    def save(self) -> None:
        """Write all blocks to the folder, if there is one, for the next start.

        Raises:
            StoreFullError, StoreError: not all could be written; it is all still in RAM.
        """
        if self._disk:
            self._write_all()
            self._disk.commit(self.table.blocks)

    def close(self) -> None:
        """Release the folder. Blocks that were not saved or spilled are lost."""
        if self._disk:
            self._disk.close()

    def _write_all(self) -> None:
        """Write the blocks that are only in RAM."""
        for row, block in enumerate(self.table.blocks):
            if block.record is None and not block.lost:
                self._write(block, row)

    def _write_through(self) -> None:
        """Write what is only in RAM. What fails stays there, and is tried again next time."""
        try:
            self._write_all()
            self.write_error = None
        except StoreError as error:
            self.write_error = error

    def _admit(self, block: Block) -> None:
        """Add a block to the top tier, and move older ones down; `reserve` has made room."""
        assert block.memory is not None
        on_device = block.memory.device.type != "cpu" or self.budget.device > 0
        (self._device if on_device else self._ram).append(block)
        while _total(self._device) > self.budget.device:
            oldest = self._device.pop(0)
            assert oldest.memory is not None
            oldest.memory = blocks.to_host(oldest.memory)
            self._ram.append(oldest)

    def _pushed_down(self, size: int) -> int:
        """Return the bytes that move to RAM when blocks of `size` bytes are added."""
        over = _total(self._device) + size - self.budget.device
        pushed = 0
        for block in self._device:
            if pushed >= over:
                return pushed
            pushed += block.size
        return pushed if pushed >= over else pushed + size

    def _spill(self, block: Block) -> None:
        if block.record is None:
            self._write(block, next(n for n, held in enumerate(self.table.rows) if held is block))
        block.memory = block.salience = None
        self._spilled += block.size
        if self._spilled >= RELEASE_INTERVAL:
            self._spilled = 0
            malloc_trim.release_free_memory()

    def _write(self, block: Block, row: int) -> None:
        if self._disk is None:
            raise StoreFullError(
                f"the RAM budget of {self.budget.ram} bytes is full and there is no folder to "
                "spill to; give the memory a folder, a larger budget or a policy that compresses"
            )
        representative = self.table.representatives[:, row]
        self._disk.put(block, representative, limit=self.budget.disk)


def open_store(
    folder: Path,
    identity: Mapping[str, object],
    budget: StoreBudget | None = None,
    *,
    durable: bool = False,
) -> BlockStore:
    """Return the store in `folder`, or a new one if there is none.

    `identity` describes the model, its sizes and the opening; see `Rekv.identity`.

    Raises:
        StoreError: the folder cannot be used, is in use, or is another model's.
    """
    disk = DiskTier(folder, identity)
    try:
        store = BlockStore(budget, disk=disk, durable=durable)
    except StoreError:
        disk.close()
        raise
    for start, end, why in disk.lost:
        logger.warning("lost the memory from %.1f s to %.1f s: %s", start, end, why)
    return store


def _total(held: Sequence[Block]) -> int:
    return sum(block.size for block in held)
