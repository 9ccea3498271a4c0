"""What a set of packaged weights is: packages of an index, their members, and files of them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelPackage:
    """A wheel on the Python package index; `size` is what is downloaded."""

    name: str
    version: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """A tarball on the npm registry; `size` and `sha256` are those of the tarball."""

    name: str
    version: str
    size: int
    sha256: str


Package = WheelPackage | NpmPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageMember:
    """A member of a package; `sha256` is that of the unpacked member."""

    package: Package
    member: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """A file of one or more parts, joined in order; `sha256` and `size` are those of the file."""

    name: str
    parts: tuple[PackageMember, ...]
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedWeights:
    """One set of weights."""

    name: str
    summary: str
    files: tuple[WeightFile, ...]
    licence: str
    source: str

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages to download, each once."""
        return unique_packages(self.files)

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(package.size for package in self.packages)


def unique_packages(files: Iterable[WeightFile]) -> tuple[Package, ...]:
    """Return the packages that `files` come from, each once."""
    return tuple(dict.fromkeys(part.package for file in files for part in file.parts))
