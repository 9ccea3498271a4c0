"""The disk tier: a folder with segments of records, and an index of the live blocks.

    lock          held by the process that writes here
    index.json    written atomically by `commit`; has a checksum
    000000.blocks segments, append-only; each start begins a new one

The index makes opening fast, and lists the blocks that should exist. Records after it (a crash),
or all records if it is missing, are read in order; each lists the blocks that it replaces.
"""

import json
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.errors import DamagedBlockError, StoreError, StoreFullError
from models.memory.kv_store.blocks import Block
from models.memory.kv_store.codec import DTYPES, pack, unpack
from models.memory.kv_store.locked_folder import lock, read_checked, write_checked
from models.memory.kv_store.record_log import Head, LogSegment, Record

INDEX = "index.json"
SEGMENT_SIZE = 256 << 20  # bytes after which a new segment begins; space is reclaimed by segment

Lost = tuple[float, float, str]  # start and end in seconds, and why


class DiskTier:
    """The disk tier of one store."""

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        """Open `folder`, or create it.

        Raises:
            StoreError: it cannot be used, another process uses it, or its blocks belong to
                another model.
        """
        self.folder = folder
        self.lost: tuple[Lost, ...] = ()
        self._identity = json.loads(json.dumps(dict(identity)))
        self._mark = zlib.crc32(json.dumps(self._identity, sort_keys=True).encode())
        self._unlock = weakref.finalize(self, os.close, lock(folder))
        try:
            self._index = read_checked(folder / INDEX)
            self._check(self._index["identity"] if self._index else self._identity)
            paths = sorted(folder.glob("*.blocks"))
            self._segments = {path.name: LogSegment(path, fresh=False) for path in paths}
        except StoreError:
            self.close()
            raise
        self._number = 1 + max((int(name.split(".")[0]) for name in self._segments), default=-1)
        self._open: LogSegment | None = None  # the segment that is appended to

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._segments.values())

    def load(self) -> tuple[list[Block], list[Tensor]]:
        """Return the live blocks, and their representatives; sets `lost`.

        Raises:
            StoreError: the blocks belong to another model.
        """
        lost: list[Lost] = []
        records = {record.head["id"]: record for record in self._indexed(lost)}
        for record in self._unindexed(lost):
            for old in record.head["replaces"]:
                records.pop(old, None)
            records[record.head["id"]] = record
        blocks, representatives = [], []
        for record in records.values():
            block = _block(record)
            layers, _, heads, _, width = block.shape
            try:
                if "representative" in record.names:
                    data = record.read("representative")
                    representatives.append(unpack(data, (layers, heads * width), torch.float32))
                else:
                    representatives.append(torch.zeros(layers, 0))
            except (DamagedBlockError, ValueError) as error:
                lost.append((block.start, block.end, str(error)))
            else:
                blocks.append(block)
        self.lost = tuple(sorted(lost))
        return blocks, representatives

    def put(self, block: Block, representative: Tensor, *, limit: int) -> None:
        """Write `block` and set its record; the folder has at most `limit` bytes.

        Raises:
            StoreFullError: the limit is reached, or the disk is full.
            StoreError: the folder cannot be written.
        """
        pieces = {"representative": pack(representative)} if representative.numel() else {}
        if block.salience is not None:
            pieces["salience"] = pack(block.salience)
        pieces.update({f"layer {i}": pack(layer) for i, layer in enumerate(block.stored_layers())})
        if self.size + sum(len(piece) for piece in pieces.values()) > limit:
            raise StoreFullError(
                f"{self.folder}: the disk budget of {limit} bytes is full; raise it, or give "
                "the memory a policy that compresses"
            )
        block.record = self._appendable().append(self._head(block), pieces)

    def commit(self, alive: Sequence[Block]) -> None:
        """Sync the records to the disk, and write an index of the blocks that are `alive`.

        A segment with mostly dead records is deleted after its live records are copied.

        Raises:
            StoreFullError, StoreError: the index could not be written; the old one stays.
        """
        held = [block for block in alive if block.record is not None and not block.lost]
        dead = self._compact(held)
        if self._open is not None:
            self._open.sync()
        self._index = {
            "identity": self._identity,
            # With the dead ones: if deleting them fails, their records are not read again.
            "segments": {name: segment.size for name, segment in self._segments.items()},
            "blocks": [
                [block.id, block.start, block.end, record.segment.path.name, record.offset]
                for block in held
                if (record := block.record) is not None
            ],
        }
        write_checked(self.folder / INDEX, self._index)
        for name in dead:
            self._segments.pop(name).path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the folder; records that are still referenced stay readable."""
        self._unlock()

    def _check(self, identity: object) -> None:
        if identity != self._identity:
            raise StoreError(
                f"{self.folder}: holds the memory of another model ({identity}, not "
                f"{self._identity}); choose another folder, or delete it"
            )

    def _head(self, block: Block) -> Head:
        return {
            "id": block.id,
            "start": block.start,
            "end": block.end,
            "shape": block.shape,
            "bits": block.bits,
            "dtype": str(block.dtype).removeprefix("torch."),
            "weight": block.weight,
            "thinned": block.thinned,
            "replaces": block.replaces,
            "of": self._mark,
        }

    def _indexed(self, lost: list[Lost]) -> Iterator[Record]:
        """Yield the records of the index, and add missing ones to `lost`."""
        for ident, start, end, name, offset in self._index["blocks"] if self._index else ():
            try:
                if name not in self._segments:
                    raise DamagedBlockError(f"{self.folder / name}: is missing")
                record = self._segments[name].record(offset)
                if record.head["id"] != ident:
                    raise DamagedBlockError(f"{self.folder / name}: holds another block")
            except DamagedBlockError as error:
                lost.append((start, end, str(error)))
            else:
                yield record

    def _unindexed(self, lost: list[Lost]) -> Iterator[Record]:
        """Yield the records after the index, in order.

        The time of a damaged record is unknown, so the end of the record before it is used.
        """
        known: dict[str, int] = self._index["segments"] if self._index else {}
        before = 0.0
        for name, segment in sorted(self._segments.items()):
            for found in segment.records(known.get(name, 0)):
                if isinstance(found, DamagedBlockError):
                    lost.append((before, before, str(found)))
                    continue
                if found.head["of"] != self._mark:
                    self._check(f"mark {found.head['of']}")
                before = found.head["end"]
                yield found

    def _compact(self, held: Sequence[Block]) -> set[str]:
        """Copy the live records of mostly dead segments; return the names of these segments."""
        living: dict[str, list[Block]] = {name: [] for name in self._segments}
        for block in held:
            assert block.record is not None
            living[block.record.segment.path.name].append(block)
        dead = set()
        for name, blocks in living.items():
            size = sum(block.record.size for block in blocks if block.record)
            if size == 0 or 2 * size < self._segments[name].size:
                if self._open is self._segments[name]:
                    self._open = None  # live records move to the next
                for block in blocks:
                    self._move(block)
                dead.add(name)
        return dead

    def _move(self, block: Block) -> None:
        """Copy a block's record to the open segment."""
        assert block.record is not None
        try:
            pieces = {name: bytes(block.record.read(name)) for name in block.record.names}
        except DamagedBlockError as error:
            block.lost = str(error)
        else:
            block.record = self._appendable().append(self._head(block), pieces)

    def _appendable(self) -> LogSegment:
        """Return the segment to write to; a new one if there is none or it is full."""
        if self._open is None or self._open.size >= SEGMENT_SIZE:
            name = f"{self._number:06}.blocks"
            self._number += 1
            self._open = self._segments[name] = LogSegment(self.folder / name, fresh=True)
        return self._open


def _block(record: Record) -> Block:
    head: dict[str, Any] = record.head
    return Block(
        id=head["id"],
        start=head["start"],
        end=head["end"],
        shape=tuple(head["shape"]),
        dtype=DTYPES[head["dtype"]],
        weight=head["weight"],
        thinned=head["thinned"],
        replaces=tuple(head["replaces"]),
        bits=head.get("bits"),  # older folders have none
        record=record,
    )
