"""Download models from a hub; each file is verified by the hash that the hub lists.

`folder/<name>/pulled.json` records the release: repository, commit and files. It is written last,
so a folder without it is incomplete.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from models.errors import WeightsError
from models.weights import checksums
from models.weights.hub_catalog import HUB_MODELS, HubModel
from models.weights.hub_http import Hub, download, open_client
from models.weights.hub_release import INDEX, HubFile, Release

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)

MANIFEST = "pulled.json"
SCRATCH = ".pull"  # folder of incomplete files, beside the complete ones


def hub_model(name: str) -> HubModel:
    """Return the catalog entry of `name`.

    Raises:
        WeightsError: there is none.
    """
    if name not in HUB_MODELS:
        raise WeightsError(f"no model is named {name!r}; known are {', '.join(HUB_MODELS)}")
    return HUB_MODELS[name]


def download_model(
    release: Release, home: Path, hub: Hub, *, progress: Progress = lambda _done, _total: None
) -> None:
    """Download the files of `release` into `home`; verified files are kept.

    An interrupted download is resumed by the next call.

    Raises:
        WeightsError: no disk space, no connection, or a file with another hash.
    """
    try:
        with _locked_scratch(home) as scratch:
            missing = _missing(release, home)
            _check_room(missing, scratch)
            done = release.size - sum(file.size for file in missing)
            with open_client(hub) as client:
                for file in missing:

                    def report(size: int, before: int = done) -> None:
                        progress(min(before + size, release.size), release.size)

                    part = _part(scratch, file)
                    download(client, _url(hub, release, file), part, file.size, report)
                    _check_digest(file, part, hub)
                    done += file.size
            _install(release, home, scratch)
    except OSError as error:
        raise WeightsError(
            f"{home}: cannot be written ({error}); free space, or set EYELINE_WEIGHTS to "
            "another folder: what was downloaded so far is kept"
        ) from error
    progress(release.size, release.size)


def verify_model(name: str, folder: Path) -> tuple[str, ...]:
    """Return the names of the files of `name` that are missing or damaged.

    Raises:
        WeightsError: it was never downloaded, is incomplete, or cannot be read.
    """
    home = folder / hub_model(name).name
    try:
        files = _manifest(home)["files"]
        if not files:
            raise WeightsError(f"{home}: {name} is missing or incomplete: eyeline pull {name}")
        expected = {file: (int(size), str(digest)) for file, (size, digest) in files.items()}
        return checksums.find_damaged(home, expected)
    except OSError as error:
        raise WeightsError(f"{home}: cannot be read ({error}); check its permissions") from error


def model_folder(name: str, folder: Path) -> Path:
    """Return the folder of `name`, verified.

    Raises:
        WeightsError: it was never downloaded, or is damaged; the message says what to do.
    """
    bad = verify_model(name, folder)
    if bad:
        raise WeightsError(
            f"{folder / name}: {', '.join(bad)} missing or damaged: eyeline pull {name}"
        )
    return folder / name


def installed_commit(name: str, folder: Path) -> str:
    """Return the commit of the installed release of `name`, or "" if there is none."""
    return str(_manifest(folder / hub_model(name).name)["commit"])


@contextmanager
def _locked_scratch(home: Path) -> Iterator[Path]:
    """Lock the scratch folder of `home`: one process at a time may write to it."""
    scratch = home / SCRATCH
    scratch.mkdir(parents=True, exist_ok=True)
    with (scratch / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WeightsError(f"{home}: another process is downloading it; wait for it") from error
        yield scratch


def _missing(release: Release, home: Path) -> list[HubFile]:
    """Return the files that are missing in `home`, or have another hash."""
    large = {file.name: (file.size, file.digest) for file in release.files if file.large}
    bad = set(checksums.find_damaged(home, large))
    small = (file for file in release.files if not file.large)
    bad |= {file.name for file in small if _git_hash(home / file.name) != file.digest}
    return [file for file in release.files if file.name in bad]


def _check_room(missing: list[HubFile], scratch: Path) -> None:
    parts = [_part(scratch, file) for file in missing]
    there = sum(part.stat().st_size for part in parts if part.exists())
    needed, free = sum(file.size for file in missing) - there, shutil.disk_usage(scratch).free
    if needed > free:
        raise WeightsError(
            f"{scratch.parent}: needs {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB: "
            "free some, or set EYELINE_WEIGHTS to a folder on another disk"
        )


def _check_digest(file: HubFile, part: Path, hub: Hub) -> None:
    found = checksums.sha256(part) if file.large else _git_hash(part)
    if found != file.digest:
        part.unlink()
        raise WeightsError(
            f"{file.name}: has the hash {found}, {hub.url} lists {file.digest}: it was changed on "
            "the way and is deleted; try again, and if this repeats do not trust this hub"
        )


def _install(release: Release, home: Path, scratch: Path) -> None:
    """Move the complete files into place; the manifest is removed first and written last."""
    before = set(_manifest(home)["files"])
    (home / MANIFEST).unlink(missing_ok=True)
    for file in release.files:
        if _part(scratch, file).exists():
            (home / file.name).parent.mkdir(parents=True, exist_ok=True)
            _part(scratch, file).replace(home / file.name)
    for name in before - {file.name for file in release.files}:
        (home / name).unlink(missing_ok=True)
    digests = {
        file.name: (
            file.size,
            file.digest if file.large else checksums.sha256(home / file.name),
        )
        for file in release.files
    }
    _check_index(home, set(digests))
    checksums.mark_verified(home, digests)
    written = {
        "repository": release.repository,
        "commit": release.commit,
        "licence": release.licence,
        "files": digests,
    }
    with tempfile.NamedTemporaryFile("w", dir=scratch, delete=False) as out:
        json.dump(written, out, indent=1)
    Path(out.name).replace(home / MANIFEST)
    shutil.rmtree(scratch)


def _check_index(home: Path, names: set[str]) -> None:
    if INDEX not in names:
        return
    try:
        shards = set(json.loads((home / INDEX).read_text("utf-8"))["weight_map"].values())
    except (ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{home / INDEX}: not an index of shards ({error!r})") from error
    if not shards <= names:
        raise WeightsError(
            f"{home / INDEX}: names {min(shards - names)}, which the hub does not have"
        )


def _manifest(home: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"commit": "", "files": {}}
    try:
        read = json.loads((home / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return empty  # none: incomplete
    return {**empty, **read} if isinstance(read, dict) else empty


def _git_hash(file: Path) -> str:
    """Return git's hash of the file as a blob, or "" if there is no file."""
    if not file.is_file():
        return ""
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _part(scratch: Path, file: HubFile) -> Path:
    """Return the incomplete file, named by its hash: another release never resumes it."""
    return scratch / f"{file.digest}-{Path(file.name).name}.part"


def _url(hub: Hub, release: Release, file: HubFile) -> str:
    return f"{hub.url}/{release.repository}/resolve/{release.commit}/{quote(file.name)}"
