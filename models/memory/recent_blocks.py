"""What streaming heads keep: the keys and values of the newest blocks, and nothing older.

Twice as many tokens are kept as these heads see, so an answer that is late by as much reads what it
would have read in time. They are a tuple that is replaced, never changed: an answer keeps its own.
"""

import logging
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from models.errors import StoreError
from models.memory.kv_store.blocks import Block, BlockTable
from models.memory.kv_store.record_log import store_error

logger = logging.getLogger(__name__)

FILE = "recent"  # in the folder of a store
CHECKSUM = 4  # bytes before its content


@dataclass(frozen=True, slots=True, eq=False)
class RecentBlock:
    """A block, and what the streaming heads of all layers have of it: `HeadSet.split`."""

    block: Block
    rows: Tensor


Recent = tuple[RecentBlock, ...]  # oldest first


def with_newest(recent: Recent, newest: RecentBlock, tokens: int) -> Recent:
    """Return `recent` and `newest`, without blocks that are older than the last 2 * `tokens`."""
    kept = [newest]
    for each in reversed(recent):
        if sum(held.block.tokens for held in kept) >= 2 * tokens:
            break
        kept.append(each)
    return tuple(reversed(kept))


def seen_recently(recent: Recent, until: float | None, tokens: int) -> Recent:
    """Return the newest blocks that end at or before `until`, seconds: `tokens` tokens at most.

    The newest is among them if it is longer than that.
    """
    ended = [each for each in recent if until is None or each.block.end <= until]
    chosen: list[RecentBlock] = []
    for each in reversed(ended):
        if chosen and sum(held.block.tokens for held in chosen) + each.block.tokens > tokens:
            break
        chosen.append(each)
    return tuple(reversed(chosen))


def save_recent(folder: Path, recent: Recent) -> None:
    """Write `recent` to `folder`, in place of what is there.

    Raises:
        StoreFullError, StoreError: it cannot be written; the old file stays.
    """
    content = safetensors.torch.save(
        {str(each.block.id): each.rows.detach().cpu().contiguous() for each in recent}
    )
    file, new = folder / FILE, folder / f"{FILE}.new"
    try:
        with new.open("wb") as out:
            out.write(zlib.crc32(content).to_bytes(CHECKSUM, "little") + content)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        raise store_error(file, error) from error


def load_recent(folder: Path, table: BlockTable) -> Recent:
    """Return what `folder` has of the last blocks of `table`: nothing if they are others.

    Without it streaming heads begin with the opening alone, as at the start of a stream.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    try:
        content = file.read_bytes()
        if zlib.crc32(content[CHECKSUM:]) != int.from_bytes(content[:CHECKSUM], "little"):
            raise StoreError(f"{file}: its content is damaged")
        rows = {int(name): each for name, each in _loaded(content[CHECKSUM:]).items()}
    except (OSError, StoreError) as error:
        logger.warning("streaming heads lost what they had seen: %s", error)
        return ()
    blocks = table.blocks[table.count - len(rows) :] if len(rows) <= table.count else []
    return _matched(blocks, rows)


def _loaded(content: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise StoreError(str(error)) from error


def _matched(blocks: Sequence[Block], rows: dict[int, Tensor]) -> Recent:
    """Return the rows of `blocks`, if they are those of exactly these blocks."""
    if [block.id for block in blocks] != sorted(rows):
        logger.warning("streaming heads lost what they had seen: newer blocks are stored")
        return ()
    return tuple(RecentBlock(block, rows[block.id]) for block in blocks)
