"""Files against their SHA-256, each hashed once: a sidecar remembers how a good file looked."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

VERIFIED = "verified.json"  # size, time of change and SHA-256 of each file when last hashed
BLOCK = 1 << 20  # bytes read at a time

VerifiedEntry = list[int | str]  # size, time of change in ns, SHA-256


def sha256(file: Path, start: int = 0) -> str:
    """Return the SHA-256 of `file` from byte `start` on, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as source:
        source.seek(start)
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def find_damaged(folder: Path, expected: Mapping[str, tuple[int, str]]) -> tuple[str, ...]:
    """Return those names of `expected`, name to size and SHA-256, that are missing or differ.

    Raises:
        OSError: a file or the sidecar cannot be read.
    """
    seen = _read_sidecar(folder)
    entries: dict[str, VerifiedEntry] = {}
    for name, (size, digest) in expected.items():
        entry = _entry(folder / name, size, digest)
        if entry and (seen.get(name) == entry or sha256(folder / name) == digest):
            entries[name] = entry
    if entries and entries != seen:
        _write_sidecar(folder, entries)
    return tuple(name for name in expected if name not in entries)


def mark_verified(folder: Path, expected: Mapping[str, tuple[int, str]]) -> None:
    """Note that the files of `expected`, just hashed by the caller, are good.

    Raises:
        OSError: the sidecar cannot be written.
    """
    entries = {name: _entry(folder / name, *file) for name, file in expected.items()}
    _write_sidecar(folder, {name: entry for name, entry in entries.items() if entry})


def _entry(file: Path, size: int, digest: str) -> VerifiedEntry | None:
    """Return what the sidecar says of this file if it is good, or None if it cannot be."""
    if not file.is_file() or file.stat().st_size != size:
        return None
    return [size, file.stat().st_mtime_ns, digest]


def _read_sidecar(folder: Path) -> dict[str, VerifiedEntry]:
    try:
        seen = json.loads((folder / VERIFIED).read_text())
    except (OSError, ValueError):
        return {}  # none yet, or cut short: everything is hashed again
    return seen if isinstance(seen, dict) else {}


def _write_sidecar(folder: Path, entries: dict[str, VerifiedEntry]) -> None:
    """Replace the sidecar; in a folder that may not be written to, every start hashes again."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".seen-", delete=False) as out:
            json.dump(entries, out)
        Path(out.name).replace(folder / VERIFIED)
    except PermissionError:
        return
