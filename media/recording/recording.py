"""Recordings: a live source kept while it passes, and read again as a source.

A recording is a folder:

    sound.flac     the sound at 16 kHz, without its holes
    pictures.mkv   the pictures (H.264, at their times)
    events.jsonl   what was said beside them, one JSON object a line, each with its place:
                   `audio` is the sample and `video` the 90 kHz tick that it came after

A hole in the sound is a line too, so that sound comes back sample by sample as it was.
"""

import base64
import heapq
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.clock import Clock
from media.errors import MediaError, UnreadableMediaError
from media.events import (
    Announce,
    Cancel,
    Clear,
    Commit,
    Input,
    ListeningConfig,
    Question,
    TurnDetection,
)
from media.files.decoding import decode
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.generation_events import (
    ClearTrack,
    GenerationConfig,
    GenerationInput,
    PromptChange,
    TrackPoints,
)
from media.recording.track_writers import FlacWriter, MatroskaWriter
from media.worker import Worker
from models.assistant.interface import Moment

SOUND = "sound.flac"
PICTURES = "pictures.mkv"
EVENTS = "events.jsonl"
MEMORY = "memory"  # folder of what a session remembered of it, made by its watcher
HOLE = "hole"

Said = Question | Announce | Cancel | Commit | Clear | ListeningConfig | GenerationInput
KINDS: dict[str, type[Said]] = {
    "question": Question,
    "say": Announce,
    "cancel": Cancel,
    "commit": Commit,
    "clear": Clear,
    "listening": ListeningConfig,
    "prompt": PromptChange,
    "track": TrackPoints,
    "untrack": ClearTrack,
    "generation": GenerationConfig,
}

LISTS = {"prompt": ("parts",), "track": ("points", "times")}


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One line of `events.jsonl`; `hole` is how many samples of sound were missing here."""

    audio: int
    video: int
    said: Said | None
    hole: int = 0


async def record(
    source: AsyncIterable[Input], path: Path, worker: Worker
) -> AsyncGenerator[Input, None]:
    """Yield what `source` yields, and keep it in the folder `path`, written on `worker`.

    Raises:
        MediaError: there is a recording already, or the folder cannot be written.
    """
    writer = await worker.run(RecordingWriter, path)
    try:
        async for item in source:
            await worker.run(writer.write, item)
            yield item
    finally:
        await worker.run(writer.close)


class RecordingWriter:
    """Writes one recording; not safe to use from two threads at once."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)  # a session's memory may be in it already
            self._events = (path / EVENTS).open("x", encoding="utf-8")
        except OSError as error:
            raise MediaError(f"{path}: cannot make a new recording there: {error}") from error
        self._sound = FlacWriter(path / SOUND)
        self._pictures = MatroskaWriter(path / PICTURES)
        self._audio = 0
        self._video = 0

    def write(self, item: Input) -> None:
        """Append `item`. Sound that was there before is passed over, as a session does."""
        match item:
            case VideoFrame():
                self._pictures.write(item)
                self._video = max(self._video, item.pts)
            case AudioChunk():
                self._hear(item)
            case _:
                self._say(item)

    def _hear(self, chunk: AudioChunk) -> None:
        hole = chunk.start - self._audio
        if hole > 0:
            self._put({"kind": HOLE, "samples": hole})
        new = chunk.samples[max(0, -hole) :]
        self._sound.write(new)
        self._audio += max(0, hole) + len(new)

    def _say(self, said: Said) -> None:
        kind = next(name for name, kind in KINDS.items() if isinstance(said, kind))
        fields = asdict(said)
        if isinstance(said, Question):
            fields["pictures"] = [base64.b64encode(data).decode() for data in said.pictures]
        self._put({"kind": kind, **fields})

    def _put(self, fields: dict[str, Any]) -> None:
        line = {"audio": self._audio, "video": self._video, **fields}
        self._events.write(json.dumps(line) + "\n")
        self._events.flush()

    def close(self) -> None:
        """Finish the files."""
        self._events.close()
        self._sound.close()
        self._pictures.close()


async def read(
    path: Path, clock: Clock, worker: Worker, *, longest: float, video: bool = True
) -> AsyncIterator[Input]:
    """Yield a recording, or any media file, at its times on `clock`. Files are read on `worker`.

    Raises:
        UnreadableMediaError: not a recording and not media.
        MediaTooLongError: longer than `longest` seconds.
    """
    items = iter(items_of(path, longest=longest, video=video))
    while (item := await worker.run(next, items, None)) is not None:
        match item:
            case AudioChunk():
                await clock.sleep_until(item.end / item.rate)
            case VideoFrame():
                await clock.sleep_until(item.time)
            case _:
                pass
        yield item


def items_of(path: Path, *, longest: float, video: bool = True) -> Iterator[Input]:
    """Yield what a recording or a media file holds, in order, without a clock."""
    if not path.is_dir():
        yield from decode(path, max_duration=longest, video=video)
        return
    lines = read_lines(path / EVENTS)
    sides = [sound_items(path / SOUND, lines, longest=longest)]
    if video:
        sides.append(picture_items(path / PICTURES, lines, longest=longest))
    yield from (item for _, item in heapq.merge(*sides, key=lambda timed: timed[0]))


def read_lines(path: Path) -> list[RecordedEvent]:
    """Return the lines of `events.jsonl`.

    Raises:
        UnreadableMediaError: there is no such file, or a line is not one that `record` writes.
    """
    if not path.is_file():
        raise UnreadableMediaError(f"{path.parent}: not a recording: it has no {EVENTS}")
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            lines.append(_line(json.loads(text)))
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableMediaError(f"{path}, line {number}: {error!r}") from error
    return lines


def _line(fields: dict[str, Any]) -> RecordedEvent:
    audio, video, kind = int(fields.pop("audio")), int(fields.pop("video")), fields.pop("kind")
    if kind == HOLE:
        return RecordedEvent(audio, video, None, int(fields["samples"]))
    if fields.get("detection") is not None:
        fields["detection"] = TurnDetection(**fields["detection"])
    if kind == "question":
        pictures = fields.get("pictures", ())
        fields["pictures"] = tuple(base64.b64decode(text) for text in pictures)
    if kind == "say":
        fields["moments"] = tuple(Moment(**moment) for moment in fields["moments"])
    for name in LISTS.get(kind, ()):
        fields[name] = _tuples(fields[name])
    return RecordedEvent(audio, video, KINDS[kind](**fields))


def _tuples(value: Any) -> Any:
    """Return lists of JSON as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def sound_items(
    path: Path, lines: list[RecordedEvent], *, longest: float
) -> Iterator[tuple[float, Input]]:
    """Yield the sound with its times, cut where something was said to the listener."""
    place = 0
    tape = decode(path, max_duration=longest, video=False) if path.is_file() else iter(())
    samples: NDArray[np.float32] = np.zeros(0, np.float32)
    for line in [*(line for line in lines if not _for_sight(line)), None]:
        while line is None or place < line.audio:
            if not len(samples):
                chunk = next(tape, None)
                if chunk is None:
                    break
                assert isinstance(chunk, AudioChunk)
                samples = chunk.samples
            cut = len(samples) if line is None else min(len(samples), line.audio - place)
            yield place / SAMPLE_RATE, AudioChunk(samples[:cut], place, SAMPLE_RATE)
            samples, place = samples[cut:], place + cut
        if line is not None:
            place += line.hole
            if line.said is not None:
                yield place / SAMPLE_RATE, line.said


def picture_items(
    path: Path, lines: list[RecordedEvent], *, longest: float
) -> Iterator[tuple[float, Input]]:
    """Yield the pictures with their times, and the questions where they were asked."""
    asked = [line for line in lines if _for_sight(line)]
    tape = decode(path, max_duration=longest, audio=False) if path.is_file() else iter(())
    for frame in tape:
        assert isinstance(frame, VideoFrame)
        while asked and asked[0].video < frame.pts:
            yield _said(asked.pop(0))
        yield frame.time, frame
    yield from map(_said, asked)


def _said(line: RecordedEvent) -> tuple[float, Input]:
    assert line.said is not None
    return max(line.video / VIDEO_CLOCK_HZ, line.audio / SAMPLE_RATE), line.said


def _for_sight(line: RecordedEvent) -> bool:
    return isinstance(line.said, Question | Announce | Cancel | GenerationInput)
