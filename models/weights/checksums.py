"""Verify files by SHA-256; a file is hashed again only if its size or time of change differs."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from models.errors import WeightsError

logger = logging.getLogger(__name__)

VERIFIED = "verified.json"  # size, time of change and SHA-256 of each verified file
BLOCK = 1 << 20  # bytes read at a time

VerifiedEntry = list[int | str]  # size, time of change in ns, SHA-256


def sha256(file: Path, start: int = 0) -> str:
    """Return the SHA-256 of `file` from byte `start`, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as source:
        source.seek(start)
        while block := source.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def weights_digest(*files: Path) -> str:
    """Return the SHA-256 of each of `files`, joined: what engines of these weights are stored by.

    Files that were verified, and did not change since, are not read.

    Raises:
        WeightsError: a file is missing or cannot be read.
    """
    try:
        return "+".join(_known_digest(file) or sha256(file) for file in files)
    except OSError as error:
        raise WeightsError(f"{error.filename}: weights cannot be read ({error})") from error


def find_damaged(folder: Path, expected: Mapping[str, tuple[int, str]]) -> tuple[str, ...]:
    """Return the names in `expected`, name to size and SHA-256, that are missing or differ.

    Raises:
        OSError: a file cannot be read.
    """
    seen = _read_record(folder)
    entries: dict[str, VerifiedEntry] = {}
    for name, (size, digest) in expected.items():
        entry = _entry(folder / name, size, digest)
        if entry and (seen.get(name) == entry or sha256(folder / name) == digest):
            entries[name] = entry
    if entries and entries != seen:
        _write_record(folder, entries)
    return tuple(name for name in expected if name not in entries)


def mark_verified(folder: Path, expected: Mapping[str, tuple[int, str]]) -> None:
    """Record the files of `expected` as verified; the caller has just hashed them."""
    entries = {name: _entry(folder / name, *file) for name, file in expected.items()}
    _write_record(folder, {name: entry for name, entry in entries.items() if entry})


def _known_digest(file: Path) -> str | None:
    """Return the digest of `file` if it was verified and did not change since."""
    entry = _read_record(file.parent).get(file.name)
    known = str(entry[2]) if isinstance(entry, list) and len(entry) == 3 else ""
    return known if known and entry == _entry(file, file.stat().st_size, known) else None


def _entry(file: Path, size: int, digest: str) -> VerifiedEntry | None:
    """Return the record of a verified `file`, or None if it is missing or its size differs."""
    if not file.is_file() or file.stat().st_size != size:
        return None
    return [size, file.stat().st_mtime_ns, digest]


def _read_record(folder: Path) -> dict[str, VerifiedEntry]:
    try:
        seen = json.loads((folder / VERIFIED).read_text())
    except (OSError, ValueError):
        return {}  # missing or cut short: all files are hashed again
    return seen if isinstance(seen, dict) else {}


def _write_record(folder: Path, entries: dict[str, VerifiedEntry]) -> None:
    """Replace the record; if it cannot be written, the next start hashes again."""
    written: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".seen-", delete=False) as out:
            written = Path(out.name)
            json.dump(entries, out)
        written.replace(folder / VERIFIED)
    except OSError as error:  # a read-only folder, or a full disk
        logger.info("%s: not recorded as verified: %s", folder, error)
        if written is not None:
            written.unlink(missing_ok=True)
