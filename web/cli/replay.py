"""Recordings and media files through the pipeline: `eyeline replay` and `eyeline captions`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from media.clock import Clock, LiveClock, ReplayClock
from media.errors import UnreadableMediaError
from media.events import (
    Answer,
    Caption,
    CaptionWord,
    Degraded,
    Input,
    ListeningConfig,
    Output,
    Relevance,
    Remembered,
    RequestMet,
    Speech,
    StandingRequests,
)
from media.files.decoding import decode_audio, probe
from media.frames import AudioChunk, VideoFrame
from media.generation_events import GeneratedImage, GenerationStatus
from media.pipeline.context import Send
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.reader import read_paced
from media.worker import Worker
from models.asr.streaming.offline import transcribe
from models.asr.words import RATE, RecognizedWord
from web.config import Settings
from web.loading.models import LoadedModels, load_models, turn_detection
from web.loading.progress import ProgressBar
from web.subtitles import Cue, SubtitleFormat, format_cues, make_cues

# `--json` names these outputs differently from their classes.
KINDS: dict[type, str] = {
    Degraded: "Trouble",
    GeneratedImage: "Picture",
    GenerationStatus: "Drawing",
    RequestMet: "Noticed",
    StandingRequests: "Standing",
}


def replay(settings: Settings, path: Path, *, realtime: bool, as_json: bool) -> int:
    """Run `path` through a session and print its outputs as lines; return 0.

    With `realtime`, time passes as in the recording and late media are dropped as in a live
    session. Without, nothing is dropped and the output is always the same.
    """
    whole = WholeAnswers()

    async def show(output: Output) -> None:
        line = json.dumps(as_fields(output)) if as_json else as_line(whole.join(output))
        if line:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    with load_models(settings) as models:
        asyncio.run(run_recording(models, settings, path, show, realtime=realtime))
    return 0


async def run_recording(
    models: LoadedModels,
    settings: Settings,
    path: Path,
    send: Send,
    *,
    realtime: bool = False,
    video: bool = True,
    progress: ProgressBar | None = None,
) -> None:
    """Feed the recording or media file at `path` to one session.

    Raises:
        MediaError: the file cannot be read, or is too long.
    """
    clock: Clock = LiveClock() if realtime else ReplayClock()
    reader = Worker("reader")
    longest = settings.max_media_hours * 3600
    source = read_paced(path, clock, reader, max_duration=longest, video=video)
    try:
        await run_session(
            prepend(
                ListeningConfig(detection=turn_detection(settings)),
                report_progress(source, progress),
            ),
            send,
            services=models.services,
            clock=clock,
            limits=models.limits if realtime else Limits.replay(),
        )
    finally:
        reader.close()


async def prepend(first: Input, source: AsyncIterable[Input]) -> AsyncIterator[Input]:
    """Yield `first`, then `source`. A recording replaces a `first` configuration with its own."""
    yield first
    async for item in source:
        yield item


async def report_progress(
    source: AsyncIterable[Input], progress: ProgressBar | None
) -> AsyncIterator[Input]:
    """Yield `source`, and show its media time on `progress`."""
    async for item in source:
        if progress is not None and isinstance(item, AudioChunk):
            progress.update(item.end / item.rate)
        yield item


def captions(
    settings: Settings,
    path: Path,
    *,
    output: Path | None,
    format: SubtitleFormat,
) -> int:
    """Write captions of `path` to `output`, or to standard output; return 0.

    Raises:
        MediaError: the file cannot be read, has no audio, or is too long.
    """
    media = None if path.is_dir() else probe(path)
    if media is not None and not media.has_audio:
        raise UnreadableMediaError(f"{path}: has no audio")
    duration = None if media is None else media.duration
    with load_models(settings) as models, ProgressBar(duration) as progress:
        if settings.asr == "offline":
            cues = offline_cues(models, settings, path, progress)
        else:
            cues = asyncio.run(streamed_cues(models, settings, path, progress))
    text = format_cues(cues, format)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        sys.stderr.write(f"{len(cues)} captions in {output}\n")
    return 0


async def streamed_cues(
    models: LoadedModels, settings: Settings, path: Path, progress: ProgressBar
) -> list[Cue]:
    """Return the final captions of a session, as cues."""
    finals: list[Caption] = []

    async def keep(output: Output) -> None:
        if isinstance(output, Caption) and output.final and output.words:
            finals.append(output)

    await run_recording(models, settings, path, keep, video=False, progress=progress)
    return make_cues([word for caption in finals for word in caption.words])


def offline_cues(
    models: LoadedModels, settings: Settings, path: Path, progress: ProgressBar
) -> list[Cue]:
    """Return the captions of the offline model, which transcribes the whole file at once."""
    chunks = decode_audio(path, max_duration=settings.max_media_hours * 3600)
    samples = np.concatenate([np.zeros(0, np.float32), *chunks])
    words = transcribe(
        models.whisper, samples, progress=lambda done, _: progress.update(done / RATE)
    )
    return make_cues([caption_word(word) for word in words])


def caption_word(word: RecognizedWord) -> CaptionWord:
    """Return `word` with its times in seconds."""
    return CaptionWord(word.text, word.start / RATE, word.end / RATE)


class WholeAnswers:
    """Joins the pieces of each answer."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def join(self, output: Output) -> Output:
        """Return `output`; the last piece of an answer comes with all of its text."""
        if not isinstance(output, Answer):
            return output
        text = self._texts.pop(output.id, "") + output.text
        if output.status == "streaming":
            self._texts[output.id] = text
            return output
        return replace(output, text=text)


def as_fields(output: Output) -> dict[str, Any]:
    """Return `output` as JSON fields; frames and audio only with their times and sizes."""
    kind = KINDS.get(type(output), type(output).__name__)
    match output:
        case VideoFrame():
            return {"kind": kind, "time": output.time, "shape": list(output.pixels.shape)}
        case GeneratedImage():
            return {"kind": kind, "time": output.time, "number": output.number}
        case Speech():
            samples = 0 if output.chunk is None else len(output.chunk.samples)
            return {"kind": kind, "id": output.id, "samples": samples, "status": output.status}
        case Remembered():
            return {"kind": kind, **asdict(output.moment)}
        case Relevance():
            values = output.values.round(3).tolist()
            return {"kind": kind, "time": output.time, "about": output.about, "values": values}
        case _:
            return {"kind": kind, **asdict(output)}


def as_line(output: Output) -> str:
    """Return `output` as a line of text, empty for outputs of no interest to users."""
    match output:
        case Caption() if output.final and output.words:
            return f"{output.start:8.2f} - {output.end:8.2f}  {output.text}"
        case Remembered():
            return f"{output.moment.time:8.2f}             saw: {output.moment.text}"
        case Answer() if output.status != "streaming" and output.text:
            return f"{output.time:8.2f}             answered: {output.text.strip()}"
        case RequestMet():
            return f"{output.moment.time:8.2f}             noticed: {output.text}"
        case Degraded():
            return f"                     trouble: {output.message}"
        case _:
            return ""
