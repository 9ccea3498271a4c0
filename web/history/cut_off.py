"""What a recording has of a session whose service was killed, so that it can go on.

A session that went on has a folder for each of its parts: `ID`, `ID.1` and so on. Each has the
inputs and the history of its part; the memory of the newest has everything.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from media.events.hearing import Caption
from media.recording.layout import EVENTS_FILE, MEMORY_FOLDER
from web.history.entries import Fields
from web.history.recorded_captions import recorded_captions
from web.history.recording_files import is_written, read_facts, read_history, read_summary
from web.history.recordings import SESSION_ID

LEFT_OUT = ("lock", ".in-use")  # of the process that had the memory


@dataclass(frozen=True, slots=True)
class CutOff:
    """A session of `parts` recordings, up to `end` seconds.

    `exchanges` are questions and answers as (role, text), in order; `requests` stand.
    """

    parts: int
    end: float
    captions: list[Caption]
    exchanges: list[tuple[str, str]]
    requests: tuple[str, ...]
    owner: str | None


def find_cut_off(folder: Path, id: str, *, since: float) -> CutOff | None:
    """Return what there is of session `id`, None if it ended, goes on, or is no call.

    It must have been written after `since`, in seconds since 1970.
    """
    homes = _homes(folder, id)
    facts = read_facts(homes[0]) if homes else None
    if facts is None or facts.kind != "call":
        return None
    last = homes[-1]
    if is_written(last) or read_summary(last) is not None or _written(last) < since:
        return None
    histories = [read_history(home, after=-1, limit=sys.maxsize) for home in homes]
    entries = [entry for read, _, _ in histories for entry in read]
    captions = recorded_captions(entries)
    requests = [each["requests"] for each in entries if each["type"] == "eyeline.requests"]
    return CutOff(
        parts=len(homes),
        end=max(map(_time, entries), default=0.0),
        captions=list(captions.kept),
        exchanges=list(_exchanges(entries)),
        requests=tuple(requests[-1]) if requests else (),
        owner=facts.owner,
    )


def copy_memory(folder: Path, id: str, parts: int) -> None:
    """Give the next part of session `id` what the `parts` so far remember.

    Raises:
        OSError: it cannot be written.
    """
    source = _homes(folder, id)[-1] / MEMORY_FOLDER
    if source.is_dir():
        there = folder / f"{id}.{parts}" / MEMORY_FOLDER
        left_out = shutil.ignore_patterns(*LEFT_OUT)
        shutil.copytree(source, there, ignore=left_out, dirs_exist_ok=True)


def _homes(folder: Path, id: str) -> list[Path]:
    if "." in id or not SESSION_ID.fullmatch(id) or not (folder / id / EVENTS_FILE).is_file():
        return []
    homes = [folder / id]
    while (folder / f"{id}.{len(homes)}" / EVENTS_FILE).is_file():
        homes.append(folder / f"{id}.{len(homes)}")
    return homes


def _written(home: Path) -> float:
    """Return when the recording was written last."""
    newest = 0.0
    for path in home.iterdir():
        with suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return newest


def _time(entry: Fields) -> float:
    moment = entry.get("moment")
    times = (entry.get("end"), entry.get("time"), isinstance(moment, dict) and moment.get("time"))
    return max((float(each) for each in times if isinstance(each, int | float)), default=0.0)


def _exchanges(entries: list[Fields]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if entry["type"] == "question" and entry.get("text"):
            yield "user", str(entry["text"])
        elif entry["type"] in ("answer", "request_met") and entry.get("text"):
            yield "assistant", str(entry["text"])
