"""Reads a recording as a source of a session; audio comes back sample by sample as it was."""

import heapq
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.clock import Clock
from media.errors import UnreadableMediaError
from media.events.answers import Announce, Cancel, Question
from media.events.generation import GenerationInput
from media.events.session import Input
from media.files.decoding import decode
from media.files.report import DecodingReport
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, Gap, VideoFrame
from media.recording.event_lines import AudioGap, EventLine, StandIn, read_lines
from media.recording.layout import AUDIO_FILE, EVENTS_FILE, VIDEO_FILE
from media.worker import Worker

logger = logging.getLogger(__name__)

MAX_HEADER = 16_384  # bytes; 8,192 of the header of FLAC are padding, that of Matroska is smaller


async def read_paced(
    path: Path,
    clock: Clock,
    worker: Worker,
    *,
    max_duration: float,
    video: bool = True,
    track: int | None = None,
    report: DecodingReport | None = None,
) -> AsyncIterator[Input]:
    """Yield the items of a recording, or of a media file, at their times on `clock`.

    Files are read on `worker`. `track` and `report` are those of `decode`.

    Raises:
        UnreadableMediaError: neither a recording nor media.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    items = iter(
        read_items(path, max_duration=max_duration, video=video, track=track, report=report)
    )
    while (item := await worker.run(next, items, None)) is not None:
        match item:
            case AudioChunk():
                await clock.sleep_until(item.end / item.rate)
            case VideoFrame():
                await clock.sleep_until(item.moment)
            case _:
                pass
        yield item


def read_items(
    path: Path,
    *,
    max_duration: float,
    video: bool = True,
    track: int | None = None,
    report: DecodingReport | None = None,
) -> Iterator[Input]:
    """Yield the items of a recording, or of a media file, in order."""
    if not path.is_dir():
        yield from decode(path, max_duration=max_duration, video=video, track=track, report=report)
        return
    lines = read_lines(path / EVENTS_FILE)
    options = {"max_duration": max_duration, "report": report}
    tracks = [audio_items(path / AUDIO_FILE, lines, **options)]
    if video:
        tracks.append(video_items(path / VIDEO_FILE, lines, **options))
    yield from (item for _, item in heapq.merge(*tracks, key=lambda timed: timed[0]))


def audio_items(
    path: Path, lines: list[EventLine], **options: Any
) -> Iterator[tuple[float, Input]]:
    """Yield the audio with its times, split at the events that apply to audio.

    `options` are those of `decode`.
    """
    position = 0
    chunks = _whole(_decode_track(path, video=False, **options))
    samples: NDArray[np.float32] = np.zeros(0, np.float32)
    for line in [*(line for line in lines if not _applies_to_video(line)), None]:
        while line is None or position < line.audio:
            if not len(samples):
                samples = next(chunks, samples)
                if not len(samples):
                    break
            count = len(samples) if line is None else min(len(samples), line.audio - position)
            yield position / SAMPLE_RATE, AudioChunk(samples[:count], position, SAMPLE_RATE)
            samples, position = samples[count:], position + count
        if line is None:
            continue
        if isinstance(line.event, AudioGap):
            position += line.event.samples
        else:
            yield position / SAMPLE_RATE, line.event


def _whole(chunks: Iterator[AudioChunk | VideoFrame]) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of `chunks`, with silence for damaged ones: later ones keep their place."""
    end = 0
    for chunk in chunks:
        assert isinstance(chunk, AudioChunk)
        yield np.concatenate([np.zeros(chunk.start - end, np.float32), chunk.samples])
        end = chunk.end


def video_items(
    path: Path, lines: list[EventLine], **options: Any
) -> Iterator[tuple[float, Input]]:
    """Yield the frames with their times, and between them the events that apply to video."""
    events = [line for line in lines if _applies_to_video(line)]
    last: VideoFrame | None = None
    for frame in _decode_track(path, audio=False, from_zero=False, **options):
        assert isinstance(frame, VideoFrame)
        while events and events[0].video < frame.pts:
            yield from _timed(events.pop(0), last)
        yield frame.time, frame
        last = frame
    yield from (each for line in events for each in _timed(line, last))


def _decode_track(path: Path, **options: Any) -> Iterator[AudioChunk | VideoFrame]:
    """Yield the content of a track; nothing if there is no file, or only the start of its header.

    That is what a process leaves that died within the first second of the track.
    """
    if not path.is_file():
        return
    try:
        yield from decode(path, **options)
    except UnreadableMediaError as error:
        if path.stat().st_size > MAX_HEADER:
            raise
        logger.warning("left out a track that has no data yet: %s", error)


def _timed(line: EventLine, last: VideoFrame | None) -> Iterator[tuple[float, Input]]:
    """Yield the event of `line`; `last` is the frame before it, which may stand in here."""
    time = max(line.video / VIDEO_CLOCK_HZ, line.audio / SAMPLE_RATE)
    if not isinstance(line.event, StandIn):
        yield time, line.event
    elif last is not None:
        stands_at = line.event.stands_at
        yield max(time, stands_at / VIDEO_CLOCK_HZ), replace(last, stands_at=stands_at)


def _applies_to_video(line: EventLine) -> bool:
    if isinstance(line.event, Gap):
        return line.event.media == "video"
    return isinstance(line.event, StandIn | Question | Announce | Cancel | GenerationInput)
