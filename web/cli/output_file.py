"""Output files of commands: checked and opened before the work, replaced at its end.

A command writes to a partial file beside the output. An older output is intact until the new one
is complete; after an error, what was made so far stays in the partial file.
"""

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from web.errors import OutputError, UsageError

KEPT_STEM = 60  # characters of a name that its partial file keeps: file systems allow 255 bytes


class OutputFile:
    """The output of a running command: text goes to `write`, other programs write to `partial`.

    `worth_keeping` is set once the partial file has something that is of use without the rest.
    """

    def __init__(self, path: Path, partial: Path) -> None:
        self.path, self.partial = path, partial
        self.worth_keeping = False
        self._file: FileIO | None = None

    def write(self, text: str) -> None:
        """Append `text`; readers of the partial file see it at once.

        Raises:
            OutputError: it cannot be written, for example because the disk is full.
        """
        try:
            if self._file is None:
                self._file = self.partial.open("wb", buffering=0)
            left = text.encode()
            while left:
                left = left[self._file.write(left) :]
        except BrokenPipeError:
            raise  # the reader of a pipe has enough
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.worth_keeping = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def open_output(path: Path, inputs: Iterable[Path] = ()) -> Iterator[OutputFile]:
    """Open the output `path`; it is replaced when the block ends, also after Ctrl-C.

    After another error, or if nothing is worth keeping, an older file stays as it was.

    Raises:
        UsageError: it cannot be created, or is one of the `inputs` (files, or folders of files).
        OutputError: it cannot be replaced at the end.
    """
    check_output(path, inputs)
    if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
        special = OutputFile(path, path)
        try:
            yield special
        finally:
            special.close()
        return
    target = path.resolve()  # a symbolic link stays one
    file = OutputFile(path, _create_partial(path, target))
    try:
        yield file
        file.close()
        _replace(file, target)
    except BaseException as error:
        file.close()
        _end_early(file, target, error)
        raise
    finally:
        if not file.worth_keeping:
            file.partial.unlink(missing_ok=True)


def check_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that `path` can be written and is none of `inputs`, by any name.

    Raises:
        UsageError: as `open_output`.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder: name a file in it")
    if not path.exists() and not path.resolve().parent.is_dir():
        raise UsageError(f"{path}: no such folder: create it first")
    for file in _files(inputs):
        if _is_same(path, file):
            raise UsageError(f"{path}: is the input {file} itself: choose another output")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"{path}: is write-protected: remove it, or choose another output")


def check_standard_output(inputs: Iterable[Path]) -> None:
    """Check that standard output is not appended to one of `inputs`.

    Raises:
        UsageError: it is.
    """
    try:
        here = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return  # closed, or not a file
    for file in _files(inputs):
        if file.exists() and os.path.samestat(here, file.stat()):
            raise UsageError(f"standard output is the input {file} itself: choose another output")


def _files(inputs: Iterable[Path]) -> Iterator[Path]:
    for each in inputs:
        yield from (file for file in each.rglob("*") if file.is_file()) if each.is_dir() else [each]


def _is_same(path: Path, file: Path) -> bool:
    """Return whether both are one file: also through links, and on disks that ignore case."""
    try:
        return path.samefile(file)
    except OSError:
        return False  # one of them does not exist


def _create_partial(path: Path, target: Path) -> Path:
    """Create the partial file: it shows before the work whether the folder can be written."""
    partial = target.with_name(f"{target.name[:KEPT_STEM]}.{secrets.token_hex(3)}.part")
    try:
        partial.open("x").close()
        if target.exists():
            shutil.copymode(target, partial)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}: choose another output"
        ) from error
    return partial


def _replace(file: OutputFile, target: Path) -> None:
    try:
        with file.partial.open("rb") as written:
            os.fsync(written.fileno())  # else a crash of the machine can leave an empty output
        file.partial.replace(target)
    except OSError as error:
        raise OutputError(f"{file.path}: cannot be written: {error.strerror}") from error


def _end_early(file: OutputFile, target: Path, error: BaseException) -> None:
    """Keep what was made: in place after Ctrl-C, which asks for it, else in the partial file."""
    if not file.worth_keeping:
        return
    if isinstance(error, KeyboardInterrupt):
        _replace(file, target)
    else:
        sys.stderr.write(f"what was made so far is in {file.partial}\n")
