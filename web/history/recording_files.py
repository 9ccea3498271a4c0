"""The files of a recording that say whose it is, what happened in it, and what there is of that."""

import errno
import fcntl
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from media.recording.layout import HISTORY_FILE, SESSION_FILE, SUMMARY_FILE
from web.history.entries import Fields

TITLE = 80  # characters
TITLES = ("question", "eyeline.caption")  # what a recording is named after


class SessionFacts(BaseModel):
    """Whose a recorded session is: `owner` is a client secret's, None is the key's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    started: int  # seconds since 1970
    owner: str | None = None


class Summary(BaseModel):
    """What there is of a session that ended; `memory` says how its memory came to be.

    `title` is the first thing that was asked or said, and `image` the first picture, a data URL.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    seconds: float
    captions: int = 0
    questions: int = 0
    moments: int = 0
    title: str = ""
    image: str | None = None
    memory: Literal["recorded", "rebuilt"] = "recorded"


class HistoryWriter:
    """Writes the history of a session that is recorded in the folder `home`; not thread-safe."""

    def __init__(self, home: Path, file: str = HISTORY_FILE) -> None:
        self._home, self._name = home, file
        self._file: TextIO | None = None
        self._counts: Counter[str] = Counter()
        self._title = ""
        self._image: str | None = None

    def open(self, facts: SessionFacts | None) -> None:
        """Create the file, and the one of `facts`. It is locked until `close`.

        It gets its name once it is locked: `is_written` locks a file for a moment.

        Raises:
            OSError: the folder cannot be written, or another process writes the file.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        if facts is not None:
            (self._home / SESSION_FILE).write_text(facts.model_dump_json(), encoding="utf-8")
        if is_written(self._home):
            raise BlockingIOError(errno.EWOULDBLOCK, "another process writes it", str(self._home))
        fresh = self._home / f".{self._name}"
        self._file = fresh.open("w", encoding="utf-8")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.replace(self._home / self._name)

    def write(self, entry: Fields) -> None:
        """Append an entry; it reaches the file at once.

        Raises:
            OSError: it cannot be written, for example because the disk is full.
        """
        assert self._file is not None
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        kind = entry["type"]
        self._counts[kind] += 1
        self._image = self._image or entry.get("image")
        if kind in TITLES:
            self._title = self._title or str(entry["text"])[:TITLE]

    def summary(self, seconds: float, memory: Literal["recorded", "rebuilt"]) -> Summary:
        """Return what was written, of a session of `seconds`."""
        counts = self._counts
        return Summary(
            seconds=round(seconds, 3),
            captions=counts["eyeline.caption"],
            questions=counts["question"],
            moments=counts["eyeline.memory.moment"],
            title=self._title,
            image=self._image,
            memory=memory,
        )

    def close(self) -> None:
        """Close the file; what was written stays."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


def is_written(home: Path) -> bool:
    """Return whether a process writes the history of the recording in `home` now."""
    try:
        with (home / HISTORY_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write_summary(home: Path, summary: Summary) -> None:
    """Write `summary.json`, all of it or nothing.

    Raises:
        OSError: it cannot be written.
    """
    fresh = home / f".{SUMMARY_FILE}"
    fresh.write_text(summary.model_dump_json(), encoding="utf-8")
    fresh.replace(home / SUMMARY_FILE)


def read_facts(home: Path) -> SessionFacts | None:
    """Return whose the recording in `home` is, None if that is missing or damaged."""
    with suppress(OSError, ValidationError):
        return SessionFacts.model_validate_json((home / SESSION_FILE).read_bytes())
    return None


def read_summary(home: Path) -> Summary | None:
    """Return the summary of the recording in `home`, None if it is missing or damaged."""
    with suppress(OSError, ValidationError):
        return Summary.model_validate_json((home / SUMMARY_FILE).read_bytes())
    return None


def read_history(home: Path, *, after: int, limit: int) -> tuple[list[Fields], int, bool]:
    """Return entries from number `after` + 1 on, how many lines are damaged, and if more follow.

    `number` is the place of an entry among all. A line that is not an entry, because it was cut
    short or overwritten, is left out and counted.
    """
    entries: list[Fields] = []
    damaged = 0
    for number, entry in _entries(home):
        if entry is None:
            damaged += 1
        elif number > after:
            if len(entries) == limit:
                return entries, damaged, True
            entries.append({"entry": number, **entry})
    return entries, damaged, False


def _entries(home: Path) -> Iterator[tuple[int, Fields | None]]:
    try:
        file = (home / HISTORY_FILE).open(encoding="utf-8", errors="replace")
    except OSError:
        return
    with file:
        for number, line in enumerate(file):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            valid = isinstance(entry, dict) and isinstance(entry.get("type"), str)
            yield number, entry if valid else None
