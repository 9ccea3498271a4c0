"""A folder that one process locks, and JSON files in it that are written atomically."""

import fcntl
import json
import os
import zlib
from pathlib import Path
from typing import Any

from models.errors import StoreInUseError
from models.memory.kv_store.record_log import store_error


def lock(folder: Path) -> int:
    """Create `folder` if it is missing, and return a file that locks it until it is closed.

    Raises:
        StoreError: the folder cannot be used, or another process has locked it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise store_error(folder, error) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        in_use = f"{folder}: is in use by another memory; choose another folder"
        raise StoreInUseError(in_use) from error
    return held


def read_checked(file: Path) -> dict[str, Any] | None:
    """Return the content that `write_checked` wrote, or None if it is missing or damaged."""
    try:
        checksum, _, text = file.read_text("utf-8").partition("\n")
        if int(checksum) != zlib.crc32(text.encode()):
            return None
    except (OSError, ValueError):
        return None
    body: dict[str, Any] = json.loads(text)
    return body


def write_checked(file: Path, body: dict[str, Any]) -> None:
    """Replace `file` by `body` as JSON, atomically.

    Raises:
        StoreFullError: the disk is full; the old file stays.
        StoreError: the folder cannot be written.
    """
    text = json.dumps(body, separators=(",", ":"))
    fresh = file.with_suffix(".new")
    try:
        with fresh.open("w", encoding="utf-8") as out:
            out.write(f"{zlib.crc32(text.encode())}\n{text}")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise store_error(file, error) from error
