"""Temporary folders for memories that are not kept, and for files that are uploaded.

A folder is deleted with its block. What a killed process left is deleted by the next one: each
process locks its folders, and the system releases the lock whatever ends the process.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from models.errors import StoreError

PREFIX = "eyeline-temporary-"
LOCK = ".in-use"
LARGE = Path("/var/tmp")  # file-hierarchy(7): for large temporary files, on a disk


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder in `parent`, by default `default_parent`; delete it after.

    Raises:
        StoreError: it cannot be created.
    """
    try:
        folder, held = _create(parent)
    except OSError as error:
        raise StoreError(
            f"{error.filename}: cannot keep temporary files there: {error.strerror}; set "
            "EYELINE_MEMORY_FOLDER to another folder"
        ) from error
    with held:
        try:
            yield folder
        finally:
            with suppress(OSError):
                _delete(folder)


def delete_abandoned(parent: Path | None = None) -> list[Path]:
    """Delete the folders in `parent` that no process uses any more, and return them."""
    deleted = []
    for folder in (parent or default_parent()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, or another process deletes it now
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            if not (folder / LOCK).exists():
                folder.rmdir()  # whose process ended before it was locked
            else:
                with (folder / LOCK).open() as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _delete(folder)
            deleted.append(folder)
    return deleted


def default_parent() -> Path:
    """Return the system's folder for large temporary files: on many systems /tmp is in RAM."""
    named = Path(tempfile.gettempdir())
    on_disk = named == Path("/tmp") and LARGE.is_dir() and os.access(LARGE, os.W_OK | os.X_OK)
    return LARGE if on_disk else named


def _create(parent: Path | None) -> tuple[Path, IO[str]]:
    """Return a new folder, and the open file that locks it."""
    parent = parent or default_parent()
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            lock = (folder / LOCK).open("w")
        except FileNotFoundError:
            continue  # another process took it for abandoned before it was locked
        except OSError:
            folder.rmdir()
            raise
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()  # the same
            continue
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def _delete(folder: Path) -> None:
    """Delete `folder`, its lock last: what is not deleted now is found by the next process."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)
    if [entry.name for entry in folder.iterdir()] == [LOCK]:
        (folder / LOCK).unlink()
        folder.rmdir()
