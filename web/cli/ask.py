"""Questions about a whole file: `eyeline ask CLIP "question" ...`.

Pictures are decoded on threads of their own while earlier ones are looked at. With a folder to
keep the memory in, a clip is watched once, however often it is asked about.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from media.files.decoding import probe
from media.files.sampling import sample_frames
from media.pipeline.interfaces import VideoAssistant
from media.pipeline.limits import Sampling
from media.pipeline.vision.sampling import AnalyzedFrame, due
from media.recording.layout import MEMORY_FOLDER, VIDEO_FILE
from models.assistant.interface import Moment
from web.cli.replay import Bar
from web.config import Settings
from web.errors import UsageError
from web.model_loading import load_assistant

WHOLE = "whole.json"  # in a memory's folder once the clip was watched to its end


@dataclass(frozen=True, slots=True)
class Watched:
    """What was watched: the file's name and size in bytes, its length in seconds, the looks."""

    name: str
    size: int
    seconds: float
    looks: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what it is made from."""

    question: str
    answer: str
    moments: tuple[Moment, ...]


def ask(
    settings: Settings,
    path: Path,
    questions: Sequence[str],
    *,
    at: float | None,
    memory: Path | None,
    as_json: bool,
) -> int:
    """Answer `questions` about what `path` shows up to `at`, by default its end; return 0.

    Raises:
        MediaError: it cannot be read, has no pictures, or is too long.
        UsageError: `memory` holds that of another clip.
    """
    kept = path.is_dir() and (path / MEMORY_FOLDER).is_dir()
    folder = memory or (path / MEMORY_FOLDER if kept else None)
    clip = path / VIDEO_FILE if path.is_dir() else path
    watcher = load_assistant(settings)
    state = watcher.init_state(folder)
    try:
        with Bar(probe(clip).duration) as bar:
            watched = watch(watcher, state, clip, folder, settings, bar)
        until = watched.seconds if at is None else at
        answers = [answer(watcher, state, text, until) for text in questions]
    finally:
        watcher.close(state)
    if folder is not None:
        (folder / WHOLE).write_text(json.dumps(asdict(watched)), encoding="utf-8")
    sys.stdout.write(as_document(path, watched, answers) if as_json else as_text(answers))
    return 0


def watch(
    watcher: VideoAssistant,
    state: Any,  # the watcher's own
    clip: Path,
    folder: Path | None,
    settings: Settings,
    bar: Bar,
) -> Watched:
    """Look at `clip`, unless `folder` says that all of it was looked at; return what it is.

    Raises:
        MediaError, UsageError: as `ask`.
    """
    before = None if folder is None else _before(folder, clip)
    if before is not None:
        return before
    sampling = Sampling()
    last: AnalyzedFrame | None = None
    reached = watcher.seen_until(state)
    end, looks = 0.0, 0
    for frame in sample_frames(
        clip,
        max_duration=settings.max_media_hours * 3600,
        interval=sampling.interval,
        threads=settings.threads_in_use,
        progress=bar.reach,
    ):
        end = frame.time
        if end <= reached:  # watched before it was interrupted
            continue
        looked = due(last, frame, sampling, attentive=False)
        if looked is not None:
            last = looked
            looks += 1
            watcher.analyze_frame(state, frame.pixels, frame.time)
    return Watched(clip.name, clip.stat().st_size, end, looks)


def answer(watcher: VideoAssistant, state: Any, question: str, time: float) -> Answered:
    """Return the answer to `question` from what was seen up to `time`, seconds."""
    said = watcher.answer(state, question, time)
    return Answered(question, "".join(said.pieces), said.moments)


def as_document(path: Path, watched: Watched, answers: Sequence[Answered]) -> str:
    """Return the answers as a JSON document; times are in seconds of the clip."""
    body = {
        "clip": str(path),
        "seconds": round(watched.seconds, 3),
        "looks": watched.looks,
        "answers": [asdict(each) for each in answers],
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def as_text(answers: Sequence[Answered]) -> str:
    """Return the answers for a person."""
    lines = []
    for each in answers:
        lines += [each.question, f"  {each.answer}"]
        lines += [f"    {moment.time:8.1f} s  {moment.text}" for moment in each.moments]
    return "\n".join(lines) + "\n"


def _before(folder: Path, clip: Path) -> Watched | None:
    """Return what was watched into `folder`, if that was done."""
    marker = folder / WHOLE
    if not marker.is_file():
        return None
    try:
        watched = Watched(**json.loads(marker.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{marker}: damaged ({error}): delete it to watch again") from error
    if (watched.name, watched.size) != (clip.name, clip.stat().st_size):
        raise UsageError(f"{folder} remembers {watched.name}, not {clip.name}: give another folder")
    return watched
