"""A folder that is copied elsewhere while it is written, piece by piece.

Files that grow are appended to, and others are sent again, as those of a memory are written
(`models.memory.kv_store`, `models.assistant.scene.log_file`). What was sent of a file is known by
its ends, as an inode may soon be another file's. A copy may end in the middle of a record, which a
memory that is opened again leaves out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

END = 4096  # bytes at each end of a file that are compared
CHUNK = 4 << 20  # bytes of a file that are read at once
LEFT_OUT = ("lock", ".in-use")  # of the process that has the folder


@dataclass(frozen=True, slots=True)
class FilePiece:
    """The bytes of file `name` from `offset` on; `fresh` means that nothing of it is kept.

    The name is a relative path. A piece without `data` says that the file is gone.
    """

    name: str
    offset: int
    data: bytes | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class FileMark:
    """How far a file was copied: `size` bytes, with the checksum `ends` of their first and last."""

    size: int
    ends: int


def file_marks(folder: Path) -> dict[str, FileMark]:
    """Return the files in `folder` as they are now."""
    marks = {}
    for path in folder.rglob("*"):
        if path.name in LEFT_OUT or path.is_dir():
            continue
        try:
            size = path.stat().st_size
            marks[path.relative_to(folder).as_posix()] = FileMark(size, _ends(path, size))
        except FileNotFoundError:
            continue  # it was replaced at this moment
    return marks


def changes(
    folder: Path, before: Mapping[str, FileMark], now: Mapping[str, FileMark]
) -> Iterator[FilePiece]:
    """Yield what turns a copy as of `before` into one as of `now`, in pieces of `CHUNK` bytes."""
    for name in before.keys() - now.keys():
        yield FilePiece(name, 0, None, fresh=True)
    for name, mark in now.items():
        old = before.get(name)
        if old != mark:
            start = old.size if old is not None and _has_grown(folder / name, old, mark) else 0
            yield from _pieces(folder, name, start, mark.size)


def apply(folder: Path, piece: FilePiece) -> None:
    """Change the copy in `folder`; a small file is replaced at once, never half.

    Raises:
        OSError: it cannot be written.
        ValueError: the piece is of a file outside the folder.
    """
    path = folder / piece.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{piece.name!r} is outside the folder")
    if piece.data is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if piece.fresh:
        partial = path.with_name(f"{path.name}.copied")
        partial.write_bytes(piece.data)
        partial.replace(path)
        return
    with path.open("r+b") as file:
        file.seek(piece.offset)
        file.write(piece.data)


def _has_grown(path: Path, old: FileMark, now: FileMark) -> bool:
    """Return whether a file still begins with what was copied of it."""
    try:
        return old.size < now.size and _ends(path, old.size) == old.ends
    except FileNotFoundError:
        return False


def _ends(path: Path, size: int) -> int:
    """Return the checksum of both ends of the first `size` bytes of a file."""
    with path.open("rb") as file:
        checksum = crc32(file.read(min(END, size)))
        file.seek(max(0, size - END))
        return crc32(file.read(min(END, size)), checksum)


def _pieces(folder: Path, name: str, start: int, end: int) -> Iterator[FilePiece]:
    try:
        with (folder / name).open("rb") as file:
            file.seek(start)
            offset = start
            while True:
                data = file.read(min(CHUNK, end - offset))
                fresh = offset == 0
                if not data and not fresh:
                    return
                yield FilePiece(name, offset, data, fresh)
                offset += len(data)
                if offset >= end or not data:
                    return
    except FileNotFoundError:
        return  # it was replaced or deleted since: the next time has that
