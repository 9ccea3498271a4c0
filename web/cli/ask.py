"""Questions about a whole file: `eyeline ask CLIP "question" ...`.

Frames are decoded on their own threads while earlier ones are analyzed. With a memory folder, a
clip is analyzed only once for any number of questions.
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
from models.errors import StoreError
from web.config import Settings
from web.errors import UsageError
from web.loading.models import load_assistant
from web.loading.progress import ProgressBar

COMPLETE = "whole.json"  # the file in a memory folder that marks a clip as analyzed to its end


@dataclass(frozen=True, slots=True)
class AnalyzedClip:
    """An analyzed clip: file name, size in bytes, length in seconds, number of analyzed frames."""

    name: str
    size: int
    seconds: float
    looks: int


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """An answer, and the moments that it is based on."""

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
        MediaError: the file cannot be read, has no video, or is too long.
        UsageError: `memory` belongs to another clip.
    """
    remembered = path.is_dir() and (path / MEMORY_FOLDER).is_dir()
    folder = memory or (path / MEMORY_FOLDER if remembered else None)
    clip = path / VIDEO_FILE if path.is_dir() else path
    assistant = load_assistant(settings)
    state = assistant.init_state(folder)
    try:
        with ProgressBar(probe(clip).duration) as progress:
            analyzed = watch(
                assistant, state, clip, folder, settings, progress, recorded=path.is_dir()
            )
        until = analyzed.seconds if at is None else at
        answers = [answer(assistant, state, text, until) for text in questions]
    finally:
        assistant.close(state)
    if folder is not None:
        (folder / COMPLETE).write_text(json.dumps(asdict(analyzed)), encoding="utf-8")
    sys.stdout.write(answers_json(path, analyzed, answers) if as_json else answers_text(answers))
    return 0


def watch(
    assistant: VideoAssistant,
    state: Any,  # of the assistant
    clip: Path,
    folder: Path | None,
    settings: Settings,
    progress: ProgressBar,
    *,
    recorded: bool,
) -> AnalyzedClip:
    """Analyze `clip`, unless `folder` is its complete memory; return its description.

    The times of a `recorded` session are those of the session.

    Raises:
        MediaError, UsageError: as `ask`.
        StoreError: the memory is full, or cannot be written.
    """
    complete = None if folder is None else _read_marker(folder, clip)
    if complete is not None:
        return complete
    sampling = Sampling()
    last: AnalyzedFrame | None = None
    reached = assistant.seen_until(state)
    end, looks = 0.0, 0
    for frame in sample_frames(
        clip,
        max_duration=settings.max_media_hours * 3600,
        interval=sampling.interval,
        from_zero=not recorded,
        threads=settings.threads_in_use,
        progress=progress.update,
    ):
        end = frame.time
        if end <= reached:  # analyzed before an interruption
            continue
        chosen = due(last, frame, sampling, attentive=False)
        if chosen is not None:
            last = chosen
            looks += 1
            _, analysis = assistant.analyze_frame(state, frame.pixels, frame.time)
            if analysis.problem is not None:
                raise StoreError(analysis.problem.reason)
    return AnalyzedClip(clip.name, clip.stat().st_size, end, looks)


def answer(assistant: VideoAssistant, state: Any, question: str, time: float) -> AnsweredQuestion:
    """Return the answer to `question` from the frames up to `time`, in seconds."""
    result = assistant.answer(state, question, time)
    return AnsweredQuestion(question, "".join(result.pieces), result.moments)


def answers_json(path: Path, analyzed: AnalyzedClip, answers: Sequence[AnsweredQuestion]) -> str:
    """Return the answers as a JSON document; times are in seconds of the clip."""
    body = {
        "clip": str(path),
        "seconds": round(analyzed.seconds, 3),
        "looks": analyzed.looks,
        "answers": [asdict(each) for each in answers],
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def answers_text(answers: Sequence[AnsweredQuestion]) -> str:
    lines = []
    for each in answers:
        lines += [each.question, f"  {each.answer}"]
        lines += [f"    {moment.time:8.1f} s  {moment.text}" for moment in each.moments]
    return "\n".join(lines) + "\n"


def _read_marker(folder: Path, clip: Path) -> AnalyzedClip | None:
    """Return the clip that `folder` is the complete memory of, None if it is not complete."""
    marker = folder / COMPLETE
    if not marker.is_file():
        return None
    try:
        analyzed = AnalyzedClip(**json.loads(marker.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{marker}: damaged ({error}): delete it to analyze the clip again"
        ) from error
    if (analyzed.name, analyzed.size) != (clip.name, clip.stat().st_size):
        raise UsageError(
            f"{folder} is the memory of {analyzed.name}, not of {clip.name}: use another folder"
        )
    return analyzed
