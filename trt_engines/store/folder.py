"""Stored engines: `<name>/<key>.onnx` or `.engine`, with a JSON file beside it.

An engine is complete when its JSON file is there, which is written last. Every load compares the
checksum of each file; what is damaged is renamed to end in `.bad`. One process at a time makes the
engine of a key, and the others wait for it.
"""

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from models.errors import EngineError
from models.weights.checksums import sha256

logger = logging.getLogger(__name__)

BAD = ".bad"
SCRATCH = ".making-"  # starts the name of the folder in which an engine is made
LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEngine:
    """An engine of the store; `details` is the content of its JSON file."""

    name: str
    key: str
    file: Path
    details: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(each["size"] for each in self.details["files"].values())

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, without the JSON file."""
        return tuple(self.details["files"])

    def sibling(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.file.with_name(name)


class EngineFolder:
    """The engines in the folder `home`, which several processes may use at once."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def find(self, name: str, key: str) -> StoredEngine | None:
        """Return a stored engine, its checksums compared, or None.

        A damaged one is set aside, and None is returned.

        Raises:
            EngineError: its files cannot be read.
        """
        sidecar = self._folder(name) / f"{key}.json"
        try:
            if not sidecar.is_file():
                return None
            wrong = problem(sidecar)
        except OSError as error:
            raise EngineError(f"{sidecar}: cannot be read ({error})") from error
        if wrong is None:
            return _stored(sidecar)
        logger.warning("%s %s: %s: it is made again", name, key[:12], wrong)
        self.set_aside(name, key)
        return None

    def set_aside(self, name: str, key: str) -> None:
        """Rename the files of an engine that does not work, so that it is made again."""
        for file in self._files(name, key):
            try:
                file.replace(file.with_name(file.name + BAD))
            except FileNotFoundError:
                continue  # another process was quicker
            except OSError as error:
                raise EngineError(f"{file}: cannot be renamed ({error})") from error

    @contextmanager
    def lock(self, name: str, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Let no other process make this engine; call `waiting` once if one does now.

        Raises:
            EngineError: the folder cannot be written.
        """
        folder = self._folder(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = filelock.FileLock(folder / f"{key}{LOCK}")
            try:
                held.acquire(blocking=False)
            except filelock.Timeout:
                waiting()
                held.acquire()
        except OSError as error:
            raise EngineError(f"{folder}: cannot be written ({error})") from error
        try:
            yield
        finally:
            held.release()

    @contextmanager
    def scratch(self, name: str, key: str) -> Iterator[Path]:
        """Return a folder of the same disk for files that are being made, and delete it after.

        The caller holds the lock, so what a killed process left of this engine is deleted, too.
        """
        folder, prefix = self._folder(name), f"{SCRATCH}{key}-"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
            made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        except OSError as error:
            raise EngineError(f"{folder}: cannot be written ({error})") from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def add(self, name: str, key: str, made: Path, details: Mapping[str, Any]) -> StoredEngine:
        """Move the files of the folder `made` into the store; the caller holds the lock.

        Each is named `key` and a suffix; the first one in order is what is loaded.

        Raises:
            EngineError: they cannot be written, for example because the disk is full.
        """
        folder, files = self._folder(name), sorted(made.iterdir())
        sidecar = folder / f"{key}.json"
        try:
            described = {
                file.name: {"size": file.stat().st_size, "sha256": sha256(file)} for file in files
            }
            for file in files:
                _sync(file)
                file.replace(folder / file.name)
            _write(sidecar, {"name": name, "key": key, "files": described, **details})
        except OSError as error:
            for file in files:
                (folder / file.name).unlink(missing_ok=True)
            raise EngineError(f"{folder}: cannot be written ({error})") from error
        return _stored(sidecar)

    def engines(self) -> Iterator[StoredEngine]:
        """Return all complete engines, without reading them."""
        for sidecar in sorted(self.home.glob("*/*.json")):
            try:
                yield _stored(sidecar)
            except (OSError, ValueError, KeyError, StopIteration):
                continue  # `find` sets it aside

    def _folder(self, name: str) -> Path:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
            raise EngineError(f"a network cannot be named {name!r}")
        return self.home / name

    def _files(self, name: str, key: str) -> list[Path]:
        """Return the files of an engine, the JSON file first."""
        found = [
            each for each in self._folder(name).glob(f"{key}.*") if each.suffix not in (BAD, LOCK)
        ]
        return sorted(found, key=lambda each: each.suffix != ".json")


def _stored(sidecar: Path) -> StoredEngine:
    details = json.loads(sidecar.read_text())
    first = next(iter(details["files"]))
    return StoredEngine(
        name=details["name"], key=details["key"], file=sidecar.parent / first, details=details
    )


def problem(sidecar: Path) -> str | None:
    """Return what is wrong with an engine; None if each file has its size and checksum.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        stored = _stored(sidecar)
        for name, file in stored.details["files"].items():
            path = sidecar.parent / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != file["size"]:
                return f"{name} has another size than when it was made"
            if sha256(path) != file["sha256"]:
                return f"{name} is damaged: its checksum differs"
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return f"{sidecar.name} is damaged"
    return None


def _write(sidecar: Path, content: Mapping[str, Any]) -> None:
    """Write the JSON file at once: it says that the engine is complete."""
    with tempfile.NamedTemporaryFile("w", dir=sidecar.parent, prefix=SCRATCH, delete=False) as out:
        try:
            json.dump(content, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
            Path(out.name).replace(sidecar)
        except OSError:
            Path(out.name).unlink(missing_ok=True)
            raise
    _sync(sidecar.parent)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
