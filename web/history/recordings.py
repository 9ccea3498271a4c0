"""The recordings in a folder: which there are, what is wrong with them, and their deletion.

Only folders that are named as a session are recordings, so no name from outside becomes a path.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from media.recording.layout import (
    EVENTS_FILE,
    GENERATED_FILE,
    HISTORY_FILE,
    MEMORY_FOLDER,
    SESSION_FILE,
    VIDEO_FILE,
)
from web.history.recording_files import (
    SessionFacts,
    Summary,
    is_written,
    read_facts,
    read_summary,
)

# Only such ids become part of a path; one that went on in another process has .1, .2, ...
SESSION_ID = re.compile(r"sess_[0-9a-f]{16}(?:\.[1-9][0-9]{0,3})?")
DELETED = ".deleted-"  # what a folder's name begins with while it is deleted
REBUILT = ".rebuilt"  # the folder in a recording in which it is made again

RecordingState = Literal["live", "complete", "cut_off", "broken"]
PROBLEMS: dict[RecordingState, str] = {
    "cut_off": "its end is missing: the service was ended, or the disk was full; what was written "
    "before can be opened",
    "broken": f"it has no {EVENTS_FILE}, so nothing of it can be read: delete it",
}
Reaches = Callable[[str | None], bool]  # whether a caller may use what an owner has


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording; `started` is in nanoseconds since 1970, as far as the files tell."""

    id: str
    home: Path
    started: int
    state: RecordingState
    facts: SessionFacts | None
    summary: Summary | None

    @property
    def owner(self) -> str | None:
        """Whose it is; if that is not known, only the key reaches it."""
        return None if self.facts is None else self.facts.owner

    def fields(self) -> dict[str, Any]:
        """Return what can be said of it without reading it."""
        found = {
            "history": (self.home / HISTORY_FILE).is_file(),
            "memory": (self.home / MEMORY_FOLDER).is_dir(),
            "video": (self.home / VIDEO_FILE).is_file(),
            "generated": (self.home / GENERATED_FILE).is_file(),
        }
        known = self.summary
        return {
            "id": self.id,
            "kind": None if self.facts is None else self.facts.kind,
            "state": self.state,
            "problem": PROBLEMS.get(self.state),
            "started": self.started // 1_000_000_000 if self.facts is None else self.facts.started,
            "seconds": None if known is None else known.seconds,
            "captions": None if known is None else known.captions,
            "questions": None if known is None else known.questions,
            "moments": None if known is None else known.moments,
            "title": "" if known is None else known.title,
            "image": None if known is None else known.image,
            "rebuilt": known is not None and known.memory == "rebuilt",
            "size": _size(self.home),
            "has": [name for name, there in found.items() if there],
        }


def find_recording(folder: Path, id: str) -> Recording | None:
    """Return the recording `id` in `folder`, None if there is none."""
    if not SESSION_ID.fullmatch(id):
        return None
    home = folder / id
    if home.is_symlink() or not home.is_dir():
        return None
    return Recording(id, home, _started(home), _state(home), read_facts(home), read_summary(home))


def recordings_page(
    folder: Path, reaches: Reaches, *, before: tuple[int, str] | None, limit: int
) -> tuple[list[Recording], tuple[int, str] | None]:
    """Return the newest recordings that are older than `before`, and the place of the next page.

    A place is the start of a recording and its id, so pages stay right while recordings come and
    go. The place is None if there are no more.
    """
    places = [place for place in _places(folder) if before is None or place < before]
    found: list[Recording] = []
    for place in sorted(places, reverse=True):
        recording = find_recording(folder, place[1])
        if recording is None or not reaches(recording.owner):
            continue
        if len(found) == limit:
            last = found[-1]
            return found, (last.started, last.id)
        found.append(recording)
    return found, None


def delete_recording(recording: Recording) -> bool:
    """Delete a recording; return False if it is gone already.

    It disappears at once and as a whole, also if this is interrupted or two do it.
    """
    away = recording.home.with_name(f"{DELETED}{recording.id}-{secrets.token_hex(4)}")
    try:
        recording.home.rename(away)
    except FileNotFoundError:
        return False
    shutil.rmtree(away, ignore_errors=True)
    return True


def sweep(folder: Path) -> None:
    """Delete what deletions and rebuildings have left whose process was killed."""
    with suppress(OSError):
        for left in folder.glob(f"{DELETED}*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in folder.glob(f"*/{REBUILT}"):
            if SESSION_ID.fullmatch(left.parent.name) and not is_written(left):
                shutil.rmtree(left, ignore_errors=True)


def _places(folder: Path) -> Iterator[tuple[int, str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if SESSION_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield _started(Path(entry.path)), entry.name


def _started(home: Path) -> int:
    for file in (home / SESSION_FILE, home):
        with suppress(OSError):
            return file.stat().st_mtime_ns
    return 0


def _state(home: Path) -> RecordingState:
    if is_written(home):
        return "live"
    if not (home / EVENTS_FILE).is_file():
        return "broken"
    return "cut_off" if read_summary(home) is None else "complete"


def _size(home: Path) -> int:
    sizes = 0
    for root, _, files in os.walk(home):
        for name in files:
            with suppress(OSError):
                sizes += (Path(root) / name).lstat().st_size
    return sizes
