"""Recorded streams through the pipeline: `eyeline replay` and `eyeline captions`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from media.clock import Clock, LiveClock, ReplayClock
from media.errors import UnreadableMediaError
from media.events import (
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
from web.model_loading import LoadedModels, load_models, turn_detection
from web.subtitles import Cue, format_cues, make_cues

Format = Literal["vtt", "srt", "json", "text"]

# What `--json` calls the outputs whose class has another name.
KINDS: dict[type, str] = {
    Degraded: "Trouble",
    GeneratedImage: "Picture",
    GenerationStatus: "Drawing",
    RequestMet: "Noticed",
    StandingRequests: "Standing",
}


def replay(settings: Settings, path: Path, *, realtime: bool, as_json: bool) -> int:
    """Run `path` through a session and print what comes out, a line each; return 0.

    With `realtime` it takes as long as the stream did and may drop what a live session would;
    without, it takes as long as the models do, and the result is always the same.
    """

    async def show(output: Output) -> None:
        line = json.dumps(as_fields(output)) if as_json else as_line(output)
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
    progress: "Bar | None" = None,
) -> None:
    """Feed the recording or media file at `path` to one session.

    Raises:
        MediaError: it cannot be read, or is too long.
    """
    clock: Clock = LiveClock() if realtime else ReplayClock()
    reader = Worker("reader")
    longest = settings.max_media_hours * 3600
    source = read_paced(path, clock, reader, max_duration=longest, video=video)
    try:
        await run_session(
            begun(ListeningConfig(detection=turn_detection(settings)), watched(source, progress)),
            send,
            services=models.services,
            clock=clock,
            limits=models.limits if realtime else Limits.replay(),
        )
    finally:
        reader.close()


async def begun(first: Input, source: AsyncIterable[Input]) -> AsyncIterator[Input]:
    """Yield `first`, then `source`: a recording goes on to say how it was listened to itself."""
    yield first
    async for item in source:
        yield item


async def watched(source: AsyncIterable[Input], progress: "Bar | None") -> AsyncIterator[Input]:
    """Yield `source`, telling `progress` how far it is."""
    async for item in source:
        if progress is not None and isinstance(item, AudioChunk):
            progress.reach(item.end / item.rate)
        yield item


def captions(
    settings: Settings,
    path: Path,
    *,
    output: Path | None,
    format: Format,
) -> int:
    """Write captions of `path` to `output`, or to standard output; return 0.

    Raises:
        MediaError: it cannot be read, has no sound, or is too long.
    """
    inside = None if path.is_dir() else probe(path)
    if inside is not None and not inside.has_audio:
        raise UnreadableMediaError(f"{path}: there is no sound in it")
    with load_models(settings) as models, Bar(inside.duration if inside else None) as bar:
        if settings.asr == "offline":
            cues = offline_cues(models, settings, path, bar)
        else:
            cues = asyncio.run(streamed_cues(models, settings, path, bar))
    text = format_cues(cues, format)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        sys.stderr.write(f"{len(cues)} captions in {output}\n")
    return 0


async def streamed_cues(
    models: LoadedModels, settings: Settings, path: Path, bar: "Bar"
) -> list[Cue]:
    """Return the final captions of a session, as cues."""
    finals: list[Caption] = []

    async def keep(output: Output) -> None:
        if isinstance(output, Caption) and output.final and output.words:
            finals.append(output)

    await run_recording(models, settings, path, keep, video=False, progress=bar)
    return make_cues([word for caption in finals for word in caption.words])


def offline_cues(models: LoadedModels, settings: Settings, path: Path, bar: "Bar") -> list[Cue]:
    """Return the captions that the offline model gives, which sees the whole file."""
    chunks = decode_audio(path, max_duration=settings.max_media_hours * 3600)
    samples = np.concatenate([np.zeros(0, np.float32), *chunks])
    words = transcribe(models.whisper, samples, progress=lambda done, _: bar.reach(done / RATE))
    return make_cues([placed(word) for word in words])


def placed(word: RecognizedWord) -> CaptionWord:
    """Return `word` with its times in seconds."""
    return CaptionWord(word.text, word.start / RATE, word.end / RATE)


def as_fields(output: Output) -> dict[str, Any]:
    """Return `output` as JSON fields; pictures and sound are told by their times and sizes."""
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
    """Return `output` as a line for a person; nothing for what a person need not see."""
    match output:
        case Caption() if output.final and output.words:
            return f"{output.start:8.2f} - {output.end:8.2f}  {output.text}"
        case Remembered():
            return f"{output.moment.time:8.2f}             saw: {output.moment.text}"
        case RequestMet():
            return f"{output.moment.time:8.2f}             noticed: {output.text}"
        case Degraded():
            return f"                     trouble: {output.message}"
        case _:
            return ""


class Bar:
    """A progress bar on standard error, where that is a terminal."""

    WIDTH = 40

    def __init__(self, length: float | None) -> None:
        self._length = length
        self._shown = -1
        self._on = sys.stderr.isatty()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._on and self._shown >= 0:
            sys.stderr.write("\n")

    def reach(self, time: float) -> None:
        """Show that media time `time` was reached, in seconds."""
        if not self._on or int(time) == self._shown:
            return
        self._shown = int(time)
        if self._length:
            done = min(1.0, time / self._length)
            filled = round(done * self.WIDTH)
            bar = "#" * filled + "." * (self.WIDTH - filled)
            sys.stderr.write(f"\r[{bar}] {done:4.0%} {time:.0f} of {self._length:.0f} s")
        else:
            sys.stderr.write(f"\r{time:.0f} s")
        sys.stderr.flush()
