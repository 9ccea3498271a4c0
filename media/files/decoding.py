"""Decodes the audio and video of any file that FFmpeg reads, in the order of time."""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import samples_from_av
from media.errors import MediaTooLongError, UnreadableMediaError
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.video import frame_from_av

MIN_GAP = 0.1  # seconds: a timestamp further off its counted position marks a gap
MAX_HELD = 64  # items held back while the other stream is behind


@contextmanager
def open_media(path: Path) -> Iterator[av.container.InputContainer]:
    """Open `path` for reading.

    Raises:
        UnreadableMediaError: there is no such file, or FFmpeg finds no media in it.
    """
    if not path.is_file():
        raise UnreadableMediaError(f"{path}: no such file")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMediaError(f"{path}: not audio or video that FFmpeg can read") from error
    with container:
        yield container


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """The header of a file; `duration` is in seconds, or None if unknown."""

    duration: float | None
    has_audio: bool
    has_video: bool


def probe(path: Path) -> MediaInfo:
    """Read the header of `path`.

    Raises:
        UnreadableMediaError: there is no such file, or FFmpeg finds no media in it.
    """
    with open_media(path) as container:
        return MediaInfo(
            duration=None if container.duration is None else container.duration / av.time_base,
            has_audio=bool(container.streams.audio),
            has_video=bool(container.streams.video),
        )


def decode_audio(path: Path, *, max_duration: float) -> Iterator[NDArray[np.float32]]:
    """Yield the first audio stream as mono float32 (n,) at 16 kHz, with silence in its gaps.

    Raises:
        UnreadableMediaError: not media, or it has no audio.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    end = 0
    for item in decode(path, max_duration=max_duration, video=False):
        assert isinstance(item, AudioChunk)
        if item.start > end:
            yield np.zeros(item.start - end, np.float32)
        yield item.samples
        end = item.end


def decode(
    path: Path,
    *,
    max_duration: float,
    audio: bool = True,
    video: bool = True,
    from_zero: bool = True,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield the audio and video of `path` in the order of their times.

    Times start at 0; without `from_zero` they are those in the file. Damaged data is skipped. Audio
    is mono float32 at 16 kHz.

    Raises:
        UnreadableMediaError: not media, or it has none of the requested streams.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    with open_media(path) as container:
        streams: list[av.AudioStream | av.VideoStream] = []
        if audio:
            streams += container.streams.audio[:1]
        if video:
            streams += container.streams.video[:1]
        if not streams:
            wanted = " or ".join(["audio"] * audio + ["video"] * video)
            raise UnreadableMediaError(f"{path}: it has no {wanted}")
        if container.duration is not None:
            check_duration(path, container.duration / av.time_base, max_duration)
        origin = file_origin(container) if from_zero else Fraction(0)
        for item in _interleaved(_decoded(container, streams, origin), len(streams)):
            check_duration(path, item.time, max_duration)
            yield item


def check_duration(path: Path, seconds: float, max_duration: float) -> None:
    """Check the duration of `path`.

    Raises:
        MediaTooLongError: `seconds` are above the limit.
    """
    if seconds > max_duration:
        raise MediaTooLongError(
            f"{path}: lasts {seconds / 3600:.1f} hours or more, "
            f"the limit is {max_duration / 3600:.1f}: cut it, or raise EYELINE_MAX_MEDIA_HOURS"
        )


def file_origin(container: av.container.InputContainer) -> Fraction:
    """Return the time in seconds at which the file starts."""
    return Fraction(container.start_time or 0, av.time_base)


def _decoded(
    container: av.container.InputContainer,
    streams: list[av.AudioStream | av.VideoStream],
    origin: Fraction,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield decoded items in file order, with times after `origin`."""
    timeline = AudioTimeline(origin)
    for packet in container.demux(streams):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged packet: later ones can still be decoded
        for frame in frames:
            if isinstance(frame, av.AudioFrame):
                yield from timeline.convert(frame)
            elif isinstance(frame, av.VideoFrame) and frame.pts is not None:
                assert frame.time_base is not None
                time = frame.pts * frame.time_base - origin
                yield frame_from_av(frame, pts=max(0, round(time * VIDEO_CLOCK_HZ)))
    yield from timeline.flush()


class AudioTimeline:
    """Converts decoded audio frames to chunks with their position on the timeline.

    Positions are counted in samples, so rounded timestamps cause no clicks. A timestamp that is
    off by more than `MIN_GAP` marks a real gap, and sets the position.
    """

    def __init__(self, origin: Fraction) -> None:
        self._origin = origin
        self._end = 0  # index after the last sample yielded
        self._due: Fraction | None = None  # expected time of the next input frame
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def convert(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        """Yield the audio of `frame`; at a gap, first the rest of the audio before it."""
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base - self._origin
            if self._due is None or abs(time - self._due) > MIN_GAP:
                yield from self.flush()
                self._end = max(self._end, round(time * SAMPLE_RATE))
                self._due = time
        if self._due is not None:
            self._due += Fraction(frame.samples, frame.sample_rate)
        # Average the channels first: FFmpeg would add two equal ones to more than full scale.
        mono = av.AudioFrame.from_ndarray(samples_from_av(frame)[None], format="flt", layout="mono")
        mono.sample_rate = frame.sample_rate
        for converted in self._resampler.resample(mono):
            yield from self._chunks(converted)

    def flush(self) -> Iterator[AudioChunk]:
        """Yield what the resampler still holds, and reset it."""
        for converted in self._resampler.resample(None):
            yield from self._chunks(converted)
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def _chunks(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        samples = np.clip(frame.to_ndarray().reshape(-1), -1.0, 1.0).astype(np.float32, copy=False)
        if len(samples):
            yield AudioChunk(samples, self._end, SAMPLE_RATE)
            self._end += len(samples)


def _interleaved(
    items: Iterator[AudioChunk | VideoFrame], streams: int
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield `items` in the order of time; an item waits until the other stream has passed it."""
    held: list[tuple[float, int, AudioChunk | VideoFrame]] = []
    reached: dict[type, float] = {}
    order = count()
    for item in items:
        heapq.heappush(held, (item.time, next(order), item))
        reached[type(item)] = item.time
        passed = min(reached.values()) if len(reached) == streams else -1.0
        while held and (held[0][0] <= passed or len(held) > MAX_HELD):
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]
