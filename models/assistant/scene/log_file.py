"""The scene log in a folder: a line for each entry, and the newest observation beside it.

diary.jsonl  the entries, appended as they come
newest.json  the newest observation of a durable log, stored or not, replaced as it changes
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from models.assistant.scene.scene_log import LoggedEntry, SceneLog, from_lines, to_line
from models.errors import StoreError

LOG_FILE = "diary.jsonl"
NEWEST_FILE = "newest.json"

logger = logging.getLogger(__name__)


class SceneLogFile:
    """Appends to the log in `folder`. `error` is why the last entries are not in the file.

    If a write fails, the next one tries again, so nothing is missing once there is room.
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """Open the log, or create it.

        Raises:
            StoreError: the folder cannot be written.
        """
        self.error = ""
        self._newest = folder / NEWEST_FILE
        self._durable = durable
        self._waiting: list[str] = []
        try:
            self._file = (folder / LOG_FILE).open("ab+", buffering=0)
            self._end = self._end_of_lines()
        except OSError as error:
            raise StoreError(f"{folder}: cannot keep a memory there: {error}") from error

    def read(self) -> tuple[SceneLog, LoggedEntry | None]:
        """Return the log, and the newest observation if it is newer than the last entry."""
        self._file.seek(0)
        log = from_lines(self._file.read().decode(errors="replace").splitlines())
        try:
            newest = from_lines([self._newest.read_text("utf-8")]).entries
        except (OSError, UnicodeDecodeError):  # not a durable log
            newest = []
        last = log.entries[-1].scene.time if log.entries else -1.0
        return log, next((entry for entry in newest if entry.scene.time > last), None)

    def write(self, added: Sequence[LoggedEntry], newest: LoggedEntry | None) -> None:
        """Append the entries `added`; a durable log also keeps the `newest` observation."""
        self._waiting += map(to_line, added)
        self._write(newest)

    def write_again(self, last: LoggedEntry) -> None:
        """Append the last entry once more, in which text was read."""
        self._waiting.append(to_line(last, again=True))
        self._write(None)

    def _write(self, newest: LoggedEntry | None) -> None:
        try:
            if self._waiting:
                self._append("".join(f"{line}\n" for line in self._waiting).encode())
                self._waiting.clear()
            if self._durable and newest is not None:
                partial = self._newest.with_suffix(".new")
                partial.write_text(to_line(newest), encoding="utf-8")
                partial.replace(self._newest)
            self.error = ""
        except OSError as error:
            self.error = f"the scene log cannot be written: {error}"

    def close(self) -> None:
        """Close the file."""
        if self._waiting:
            logger.warning("%s; %d entries are lost", self.error, len(self._waiting))
        self._file.close()

    def _append(self, data: bytes) -> None:
        """Append `data`, all or nothing."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(data)

    def _end_of_lines(self) -> int:
        """Cut off a last line that a crash cut short; return the size of the rest."""
        self._file.seek(0)
        size = self._file.read().rfind(b"\n") + 1
        self._file.truncate(size)
        self._file.seek(0, os.SEEK_END)
        return size
