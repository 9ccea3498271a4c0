"""Files against their SHA-256, each hashed once: a sidecar remembers how a good file looked."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

SIDECAR = "verified.json"  # size, time of change and SHA-256 of each file when last hashed
BLOCK = 1 << 20  # bytes read at a time

Mark = list[int | str]  # size, time of change in ns, SHA-256


def sha256(file: Path, start: int = 0) -> str:
    """Return the SHA-256 of `file` from byte `start` on, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as source:
        source.seek(start)
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def damaged(folder: Path, expected: Mapping[str, tuple[int, str]]) -> tuple[str, ...]:
    """Return those names of `expected`, name to size and SHA-256, that are missing or differ.

    Raises:
        OSError: a file or the sidecar cannot be read.
    """
    seen = _read_sidecar(folder)
    marks: dict[str, Mark] = {}
    for name, (size, digest) in expected.items():
        mark = _mark(folder / name, size, digest)
        if mark and (seen.get(name) == mark or sha256(folder / name) == digest):
            marks[name] = mark
    if marks and marks != seen:
        _write_sidecar(folder, marks)
    return tuple(name for name in expected if name not in marks)


def remember(folder: Path, expected: Mapping[str, tuple[int, str]]) -> None:
    """Note that the files of `expected`, just hashed by the caller, are good.

    Raises:
        OSError: the sidecar cannot be written.
    """
    marks = {name: _mark(folder / name, *file) for name, file in expected.items()}
    _write_sidecar(folder, {name: mark for name, mark in marks.items() if mark})


def _mark(file: Path, size: int, digest: str) -> Mark | None:
    """Return what the sidecar says of this file if it is good, or None if it cannot be."""
    if not file.is_file() or file.stat().st_size != size:
        return None
    return [size, file.stat().st_mtime_ns, digest]


def _read_sidecar(folder: Path) -> dict[str, Mark]:
    try:
        seen = json.loads((folder / SIDECAR).read_text())
    except (OSError, ValueError):
        return {}  # none yet, or cut short: everything is hashed again
    return seen if isinstance(seen, dict) else {}


def _write_sidecar(folder: Path, marks: dict[str, Mark]) -> None:
    """Replace the sidecar; in a folder that may not be written to, every start hashes again."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".seen-", delete=False) as out:
            json.dump(marks, out)
        Path(out.name).replace(folder / SIDECAR)
    except PermissionError:
        return
