"""Verifies and cleans a folder of engines, while others may use it."""

import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import filelock

from models.errors import EngineError
from trt_engines.backends.tensorrt_library import LIBRARIES, load_library
from trt_engines.store.folder import BAD, LOCK, SCRATCH, EngineFolder, StoredEngine, problem
from trt_engines.store.making import exporter_versions


def verify(folder: EngineFolder) -> Iterator[tuple[Path, str]]:
    """Return the JSON file of each engine, and what is wrong with it: empty if nothing is."""
    for sidecar in sorted(folder.home.glob("*/*.json")):
        try:
            yield sidecar, problem(sidecar) or ""
        except OSError as error:
            yield sidecar, f"cannot be read ({error})"


def current_versions() -> dict[str, str]:
    """Return the versions of what exports and compiles here, named as in an engine's key."""
    found = {**exporter_versions(), "onnxruntime": version("onnxruntime")}
    for library in LIBRARIES:
        try:
            found[library] = f"{library} {load_library(library).__version__}"
        except EngineError:
            continue  # not installed: what it compiled is of no use here
    return found


def outdated(stored: StoredEngine, versions: Mapping[str, str]) -> str:
    """Return why an engine is of no use with these versions: empty if it may be."""
    made_from = stored.details.get("made_from", {})
    packed_by = [name for name in ("onnxruntime",) if name in made_from]
    for name in (*exporter_versions(), *packed_by):
        if made_from.get(name) != versions[name]:
            return f"made with {name} {made_from.get(name)}, here is {versions[name]}"
    compiled = made_from.get("library")
    if compiled is not None and compiled not in versions.values():
        return f"compiled by {compiled}, which is not here"
    return ""


def clean(folder: EngineFolder, *, everything: bool) -> Iterator[Path]:
    """Delete damaged and outdated engines and what killed builds left; return what was deleted.

    With `everything`, delete all engines. Nothing of an engine that is being made is touched.
    """
    versions = current_versions()
    for stored in list(folder.engines()):
        if everything or outdated(stored, versions):
            yield from _deleted(stored)
    for home in sorted(each for each in folder.home.glob("*") if each.is_dir()):
        if not _locked(home):
            yield from _swept(home)


def _deleted(stored: StoredEngine) -> Iterator[Path]:
    """Delete an engine, its JSON file first."""
    for file in (stored.file.with_suffix(".json"), *map(stored.sibling, stored.files)):
        file.unlink(missing_ok=True)
        yield file


def _swept(home: Path) -> Iterator[Path]:
    """Delete what is no engine from the folder of a network, and the folder if it is empty."""
    for left in sorted(home.iterdir()):
        if left.suffix in (BAD, LOCK) or left.name.startswith(SCRATCH) or _orphan(left):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield left
    if not any(home.iterdir()):
        home.rmdir()


def _locked(home: Path) -> bool:
    """Return whether an engine of this network is being made."""
    for file in home.glob(f"*{LOCK}"):
        lock = filelock.FileLock(file)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return True
        lock.release()
    return False


def _orphan(file: Path) -> bool:
    """Return whether a file belongs to an engine that was never completed."""
    key = file.name.partition(".")[0]
    return file.suffix != ".json" and not file.with_name(f"{key}.json").exists()
