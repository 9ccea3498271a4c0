"""A folder that is copied elsewhere while it is written, piece by piece.

Files that grow are appended to, and files that are replaced get a new inode, as those of a memory
are (`models.memory.kv_store`, `models.assistant.scene.log_file`). A copy may end in the middle of a
record, which a memory that is opened again leaves out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """How far a file was copied: `size` bytes of the file with this inode."""

    inode: int
    size: int


def file_marks(folder: Path) -> dict[str, FileMark]:
    """Return the files in `folder` as they are now."""
    marks = {}
    for path in folder.rglob("*"):
        if path.name in LEFT_OUT or path.is_dir():
            continue
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # it was replaced at this moment
        marks[path.relative_to(folder).as_posix()] = FileMark(found.st_ino, found.st_size)
    return marks


def changes(
    folder: Path, before: Mapping[str, FileMark], now: Mapping[str, FileMark]
) -> Iterator[FilePiece]:
    """Yield what turns a copy as of `before` into one as of `now`, in pieces of `CHUNK` bytes."""
    for name in before.keys() - now.keys():
        yield FilePiece(name, 0, None, fresh=True)
    for name, mark in now.items():
        old = before.get(name)
        grown = old is not None and old.inode == mark.inode and old.size <= mark.size
        start = old.size if grown and old is not None else 0
        if not grown or start < mark.size:
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
