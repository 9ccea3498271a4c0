"""Packages of npm that tests need, fetched once and verified; npm itself is not needed."""

import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import httpx
import pytest

from models.errors import WeightsError
from models.weights.npm import download_tarball
from models.weights.packages import NpmPackage


def npm_packages(listing: Path, folder: Path, registry: str) -> Path:
    """Return the folder `node_modules` in `folder`, with the packages of the JSON file `listing`.

    A test is skipped if the registry cannot be reached; one that does not serve the packages that
    are expected fails it.
    """
    modules = folder / "node_modules"
    for fields in json.loads(listing.read_text()):
        package = NpmPackage(**fields)
        if not (modules / package.name / "package.json").exists():
            _install(package, modules / package.name, registry)
    return modules


def _install(package: NpmPackage, folder: Path, registry: str) -> None:
    """Unpack beside `folder`, which appears when it is whole: two test runs may share it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacked") as scratch:
        tarball = _tarball(package, Path(scratch), registry)
        with tarfile.open(tarball) as files:
            files.extractall(scratch, filter="data")
        shutil.rmtree(folder, ignore_errors=True)  # a part of an earlier one
        (Path(scratch) / "package").rename(folder)


def _tarball(package: NpmPackage, folder: Path, registry: str) -> Path:
    try:
        return download_tarball(package, folder, registry=registry, progress=lambda _: None)
    except WeightsError as error:
        if isinstance(error.__cause__, httpx.TransportError):
            pytest.skip(f"{package.name} is not here, nor npm's registry: {error}")
        raise
