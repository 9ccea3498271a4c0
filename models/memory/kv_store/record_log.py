"""Append-only files of records with checksums, read through memory maps.

    prefix  magic, length and checksum of the head, length of the payload: 20 bytes
    head    JSON: description of the record, and the length and checksum of each piece
    payload the pieces, one after the other

A damaged or truncated record does not affect the others: the next record is found by its magic.
"""

import contextlib
import errno
import json
import mmap
import os
import struct
import sys
import weakref
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from models.errors import DamagedBlockError, StoreError, StoreFullError

MAGIC = b"EYKV"
PREFIX = struct.Struct("<4sIIQ")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Head = dict[str, Any]  # as JSON has it


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPiece:
    """The position of one piece in the file, and its CRC-32."""

    offset: int
    length: int
    checksum: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """A record in `segment`; its pieces are not read yet.

    There is one for each block of a stream, so the positions of the pieces are stored compactly:
    as `names`, lengths and CRC-32s of consecutive pieces from `start` on.
    """

    segment: "LogSegment"
    offset: int
    size: int
    head: Head  # without its list of pieces
    start: int
    names: tuple[str, ...]
    lengths: "array[int]"
    checksums: "array[int]"

    @property
    def pieces(self) -> dict[str, RecordPiece]:
        ends = accumulate(self.lengths, initial=self.start)
        found = zip(self.names, ends, self.lengths, self.checksums, strict=False)
        return {
            name: RecordPiece(offset=at, length=length, checksum=checksum)
            for name, at, length, checksum in found
        }

    def read(self, name: str) -> memoryview:
        """Return the bytes of the piece `name`, checked.

        Raises:
            DamagedBlockError: the checksum differs, or there is no such piece.
        """
        if name not in self.names:
            raise DamagedBlockError(f"{self.segment.path} at byte {self.offset}: no {name}")
        index = self.names.index(name)
        at = self.start + sum(self.lengths[:index])
        data = self.segment.read(at, self.lengths[index])
        if zlib.crc32(data) != self.checksums[index]:
            raise DamagedBlockError(
                f"{self.segment.path} at byte {at}: the checksum of {name} differs"
            )
        return data


class LogSegment:
    """One file. One process may append to it while any number of threads read it."""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        """Open the file at `path` for reading, or, if `fresh`, create it for appending.

        Raises:
            StoreError: it cannot be opened or created.
        """
        self.path = path
        flags = os.O_RDWR | os.O_CREAT if fresh else os.O_RDONLY
        try:
            self._file = os.open(path, flags, 0o600)
            self.size = os.fstat(self._file).st_size
        except OSError as error:
            raise store_error(path, error) from error
        self._map: mmap.mmap | None = None
        self._close = weakref.finalize(self, os.close, self._file)

    def append(self, head: Head, pieces: Mapping[str, bytes]) -> Record:
        """Write one record, and return it; after an error the file is unchanged.

        Raises:
            StoreFullError: the disk, or a quota on it, is full.
            StoreError: the file cannot be written for another reason.
        """
        head = {**head, "pieces": [[k, len(p), zlib.crc32(p)] for k, p in pieces.items()]}
        text = json.dumps(head, separators=(",", ":")).encode()
        payload = sum(len(piece) for piece in pieces.values())
        prefix = PREFIX.pack(MAGIC, len(text), zlib.crc32(text), payload)
        offset = self.size
        try:
            end = offset
            for part in (prefix + text, *pieces.values()):
                end = _write(self._file, part, end)
        except OSError as error:
            with contextlib.suppress(OSError):  # the next record overwrites it
                os.ftruncate(self._file, offset)
            raise store_error(self.path, error) from error
        self.size = end
        return _record(self, offset, len(prefix) + len(text), head)

    def sync(self) -> None:
        """Sync the file to the disk.

        Raises:
            StoreError: the disk reports an error.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise store_error(self.path, error) from error

    def read(self, offset: int, length: int) -> memoryview:
        """Return bytes of the file.

        Raises:
            DamagedBlockError: the file ends before them.
        """
        end = offset + length
        # Checked each time: reading a mapped page past the end of a file kills the process.
        if os.fstat(self._file).st_size < end:
            raise DamagedBlockError(f"{self.path}: cut short before byte {end}")
        mapped = self._map
        if mapped is None or len(mapped) < end:
            mapped = self._map = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        return memoryview(mapped)[offset:end]

    def record(self, offset: int) -> Record:
        """Return the record at `offset`.

        Raises:
            DamagedBlockError: there is none, or its head is damaged.
        """
        magic, length, checksum, payload = PREFIX.unpack(self.read(offset, PREFIX.size))
        if magic != MAGIC:
            raise DamagedBlockError(f"{self.path} at byte {offset}: no record begins here")
        text = self.read(offset + PREFIX.size, length)
        if zlib.crc32(text) != checksum:
            raise DamagedBlockError(f"{self.path} at byte {offset}: its head is damaged")
        record = _record(self, offset, PREFIX.size + length, json.loads(bytes(text)))
        if record.offset + record.size > self.size or payload != sum(record.lengths):
            raise DamagedBlockError(f"{self.path} at byte {offset}: the record is cut short")
        return record

    def records(self, offset: int = 0) -> Iterator[Record | DamagedBlockError]:
        """Yield the records from `offset` on, and an error for each damaged one."""
        while offset < self.size:
            try:
                record = self.record(offset)
            except DamagedBlockError as error:
                yield error
                offset = self._next(offset + 1)
            else:
                yield record
                offset += record.size

    def close(self) -> None:
        """Close the file; it is also closed when no record references it any more."""
        self._close()

    def _next(self, offset: int) -> int:
        """Return the offset of the next magic, or the size of the file."""
        rest = self.size - offset
        if rest < len(MAGIC):
            return self.size
        self.read(offset, rest)
        assert self._map is not None
        found = self._map.find(MAGIC, offset)
        return self.size if found < 0 else found


def _record(segment: LogSegment, offset: int, start: int, head: Head) -> Record:
    """Return the record at `offset` whose payload begins `start` bytes later."""
    pieces = head["pieces"]
    lengths = array("Q", (length for _, length, _ in pieces))
    return Record(
        segment=segment,
        offset=offset,
        size=start + sum(lengths),
        head={key: value for key, value in head.items() if key != "pieces"},
        start=offset + start,
        names=tuple(sys.intern(name) for name, _, _ in pieces),
        lengths=lengths,
        checksums=array("I", (checksum for _, _, checksum in pieces)),
    )


def _write(file: int, data: bytes, offset: int) -> int:
    """Write all of `data` at `offset`, and return where it ends."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
    return offset


def store_error(path: Path, error: OSError) -> StoreError:
    """Return the exception for a failed call on the file or folder `path`."""
    if error.errno in FULL:
        return StoreFullError(
            f"{path}: no room left ({error.strerror}); free space there, or give the memory "
            "another folder, a larger RAM budget or a policy that compresses"
        )
    return StoreError(f"{path}: {error.strerror}; check the folder and its permissions")
