"""Records the input of a live session while it passes."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import av

from media.errors import MediaError
from media.events.session import EventInput, Input
from media.events.vision import Degraded
from media.frames import AudioChunk, VideoFrame
from media.recording.event_lines import (
    AudioGap,
    RecordedMark,
    StandIn,
    format_line,
)
from media.recording.layout import AUDIO_FILE, EVENTS_FILE, VIDEO_FILE
from media.recording.track_writers import FlacWriter, MatroskaWriter
from media.worker import Worker

logger = logging.getLogger(__name__)

Report = Callable[[Degraded], Awaitable[None]]


async def record(
    source: AsyncIterable[Input], path: Path, worker: Worker, report: Report
) -> AsyncGenerator[Input, None]:
    """Yield the items of `source`, and record them in the folder `path`, on `worker`.

    If the folder cannot be written, or the disk becomes full or does not answer, the recording
    stops and `report` is called once. The items still pass, and what was written stays.
    """
    writer = RecordingWriter(path)
    try:
        recording = await _succeeds(worker.run(writer.open), report)
        async for item in source:
            recording = recording and await _succeeds(worker.run(writer.write, item), report)
            yield item
        if recording:
            await _succeeds(worker.run(writer.close), report)
    finally:
        with suppress(OSError):  # the disk has stalled
            await worker.run(writer.abandon)


async def _succeeds(work: Awaitable[None], report: Report) -> bool:
    """Return whether `work` succeeds; report it if it does not."""
    try:
        await work
    except (MediaError, OSError) as error:
        logger.warning("a recording stopped: %s", error)
        await report(Degraded(f"this session is no longer recorded: {error}"))
        return False
    return True


class RecordingWriter:
    """Writes one recording; not thread-safe.

    Everything reaches the files within a second, so that a recording survives its process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._events: TextIO | None = None  # None until `open`
        self._flac = FlacWriter(path / AUDIO_FILE)
        self._matroska = MatroskaWriter(path / VIDEO_FILE)
        self._audio = 0  # index after the last sample
        self._video = 0  # pts of the last frame

    def open(self) -> None:
        """Create the folder and the list of events.

        Raises:
            MediaError: the folder already has a recording, or cannot be written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)  # a session's memory may be in it already
            self._events = (self._path / EVENTS_FILE).open("x", encoding="utf-8")
        except OSError as error:
            raise MediaError(f"{self._path}: cannot make a new recording there: {error}") from error

    def write(self, item: Input) -> None:
        """Append `item`. Audio that overlaps earlier audio is skipped, as in a session.

        Raises:
            MediaError: a file cannot be written, for example because the disk is full.
        """
        try:
            match item:
                case VideoFrame(stands_at=int(moment)):
                    self._write_event(StandIn(moment))
                case VideoFrame():
                    self._matroska.write(item)
                    self._video = max(self._video, item.pts)
                case AudioChunk():
                    self._write_audio(item)
                case _:
                    self._write_event(item)
        except (OSError, av.FFmpegError) as error:
            raise self._unwritable(error) from error

    def _write_audio(self, chunk: AudioChunk) -> None:
        gap = chunk.start - self._audio
        if gap > 0:
            self._write_event(AudioGap(gap))
        new = chunk.samples[max(0, -gap) :]
        self._flac.write(new)
        self._audio += max(0, gap) + len(new)

    def _write_event(self, event: EventInput | RecordedMark) -> None:
        assert self._events is not None
        self._events.write(format_line(event, audio=self._audio, video=self._video))
        self._events.flush()

    def close(self) -> None:
        """Finish the files.

        Raises:
            MediaError: as `write`.
        """
        try:
            self._flac.close()
            self._matroska.close()
        except (OSError, av.FFmpegError) as error:
            raise self._unwritable(error) from error

    def abandon(self) -> None:
        """Close the files as they are; after `close`, nothing else happens to them."""
        for file in (self._flac, self._matroska):
            with suppress(OSError, av.FFmpegError):
                file.close()
        if self._events is not None:
            with suppress(OSError):
                self._events.close()

    def _unwritable(self, error: Exception) -> MediaError:
        return MediaError(f"{self._path}: cannot be written: {error}; what was recorded is kept")
