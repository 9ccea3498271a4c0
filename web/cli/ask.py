"""Questions about a whole file: `eyeline ask CLIP "question" ...`.

Frames are decoded on their own threads while earlier ones are analyzed. What does not fit in RAM
goes to a folder: a temporary one, or one that is kept, so that a clip is analyzed only once for any
number of questions.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from media.errors import UnreadableMediaError
from media.files.report import DecodingReport
from media.files.sampling import sample_frames
from media.pipeline.interfaces import VideoAssistant
from media.pipeline.limits import Sampling
from media.pipeline.vision.sampling import AnalyzedFrame, due
from media.recording.layout import MEMORY_FOLDER, VIDEO_FILE
from models.assistant.interface import Exchange, Moment, read_at_once
from models.errors import StoreError
from web.cli.sound_track import checked_media, tell
from web.config import Settings
from web.errors import UsageError
from web.loading.engines import stored_engines
from web.loading.models import load_assistant
from web.loading.progress import ProgressBar
from web.temporary_folder import delete_abandoned, temporary_folder

COMPLETE = "whole.json"  # the file in a memory folder that marks a clip as analyzed to its end


@dataclass(frozen=True, slots=True)
class AnalyzedClip:
    """An analyzed clip: file name, size in bytes, length in seconds, number of analyzed frames.

    `full` is the reason why frames after `seconds` were not analyzed, empty if all were.
    """

    name: str
    size: int
    seconds: float
    looks: int
    full: str = ""


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
    delete_abandoned(settings.memory_folder)
    kept = memory or (path / MEMORY_FOLDER if (path / MEMORY_FOLDER).is_dir() else None)
    clip = path / VIDEO_FILE if path.is_dir() else path
    if path.is_dir() and not clip.is_file():
        raise UnreadableMediaError(f"{path}: there are no pictures in this recording")
    media = checked_media(clip, max_duration=settings.max_media_hours * 3600, needs="video")
    with ExitStack() as stack:
        folder = kept or stack.enter_context(temporary_folder(settings.memory_folder))
        with stored_engines(settings) as load_engine:
            fixed = load_engine.choice.fixed_caches
            assistant = load_assistant(settings, load_engine, load_engine.later, fixed_caches=fixed)
        state = assistant.init_state(folder)
        stack.callback(_close, assistant, state, kept=kept is not None)
        with ProgressBar(None if media is None else media.duration) as progress:
            analyzed = watch(
                assistant, state, clip, folder, settings, progress, recorded=path.is_dir()
            )
        if analyzed.full:
            sys.stderr.write(f"seen only up to {analyzed.seconds:.0f} s: {analyzed.full}\n")
        until = analyzed.seconds if at is None else at
        answers: list[AnsweredQuestion] = []
        for text in questions:
            answers.append(answer(assistant, state, text, until, answers))
        shown = answers_json(path, analyzed, answers) if as_json else answers_text(answers)
        sys.stdout.write(shown)
    if kept is not None and not analyzed.full:
        (kept / COMPLETE).write_text(json.dumps(asdict(analyzed)), encoding="utf-8")
    return 0


def _close(assistant: VideoAssistant, state: Any, *, kept: bool) -> None:
    """Close the memory; one that is not kept need not be written in full."""
    try:
        assistant.close(state)
    except StoreError:
        if kept:
            raise


def watch(
    assistant: VideoAssistant,
    state: Any,  # of the assistant
    clip: Path,
    folder: Path,
    settings: Settings,
    progress: ProgressBar,
    *,
    recorded: bool,
) -> AnalyzedClip:
    """Analyze `clip`, unless `folder` is its complete memory; return its description.

    The times of a `recorded` session are those of the session.

    Raises:
        MediaError, UsageError: as `ask`.
    """
    complete = _read_marker(folder, clip)
    if complete is not None:
        return complete
    sampling, report = Sampling(), DecodingReport()
    last: AnalyzedFrame | None = None
    reached = assistant.seen_until(state)
    end, looks, full = 0.0, 0, ""
    for frame in sample_frames(
        clip,
        max_duration=settings.max_media_hours * 3600,
        interval=sampling.interval,
        from_zero=not recorded,
        threads=settings.threads_in_use,
        progress=progress.update,
        report=report,
    ):
        end = frame.time
        chosen = due(last, frame, sampling, attentive=False) if end > reached else None
        if chosen is not None:  # and not analyzed before an interruption
            last, looks = chosen, looks + 1
            _, analysis = assistant.analyze_frame(state, frame.pixels, frame.time)
            if analysis.problem is not None and analysis.problem.forgotten:
                full = analysis.problem.reason
                break
    tell(report.left_out)
    return AnalyzedClip(clip.name, clip.stat().st_size, end, looks, full)


def answer(
    assistant: VideoAssistant,
    state: Any,  # of the assistant
    question: str,
    time: float,
    before: Sequence[AnsweredQuestion] = (),
) -> AnsweredQuestion:
    """Return the answer to `question` from the frames up to `time`, and what was asked before.

    Text is read in the last frames, if the question is about text.
    """
    conversation = [Exchange(each.question, each.answer) for each in before]
    read_at_once(assistant, state, question, time)
    result = assistant.answer(state, question, time, conversation)
    return AnsweredQuestion(question, "".join(result.pieces), result.moments)


def answers_json(path: Path, analyzed: AnalyzedClip, answers: Sequence[AnsweredQuestion]) -> str:
    """Return the answers as a JSON document; times are in seconds of the clip."""
    body = {
        "clip": str(path),
        "seconds": round(analyzed.seconds, 3),
        "looks": analyzed.looks,
        **({"full": analyzed.full} if analyzed.full else {}),
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
