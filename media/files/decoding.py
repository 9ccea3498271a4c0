"""Decodes the audio and video of any file that FFmpeg reads, in the order of time."""

import heapq
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TypeVar, cast

import av
import numpy as np
from numpy.typing import NDArray

from media.errors import MediaTooLongError, UnreadableMediaError
from media.files.audio_timeline import AudioTimeline
from media.files.report import DecodingReport
from media.files.restarts import Restarts
from media.files.tracks import AudioTrack, audio_stream, audio_tracks, pixel_aspect, video_stream
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.video import frame_from_av

MAX_HELD = 64  # items held back while the other stream is behind
MAX_HELD_BYTES = 128 << 20  # of these items: five frames of 4K
MAX_SILENCE = 10 * SAMPLE_RATE  # samples of silence at once: a gap may last hours
MAX_READ_ERRORS = 20  # in a row, after which the rest of a file is given up

Stream = av.AudioStream | av.VideoStream
S = TypeVar("S", av.AudioStream, av.VideoStream, Stream)


@contextmanager
def open_media(path: Path) -> Iterator[av.container.InputContainer]:
    """Open `path` for reading.

    Raises:
        UnreadableMediaError: there is no such file, or FFmpeg finds no media in it.
    """
    if not path.is_file():
        raise UnreadableMediaError(f"{path}: no such file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMediaError(f"{path}: not audio or video that FFmpeg can read") from error
    with container:
        yield container


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """The header of a file; `duration` is in seconds, or None if unknown."""

    duration: float | None
    audio: tuple[AudioTrack, ...]
    has_video: bool

    @property
    def has_audio(self) -> bool:
        return bool(self.audio)


def probe(path: Path) -> MediaInfo:
    """Read the header of `path`.

    Raises:
        UnreadableMediaError: there is no such file, or FFmpeg finds no media in it.
    """
    with open_media(path) as container:
        return MediaInfo(
            duration=media_duration(container),
            audio=audio_tracks(container),
            has_video=video_stream(container) is not None,
        )


def decode_audio(
    path: Path,
    *,
    max_duration: float,
    track: int | None = None,
    report: DecodingReport | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Yield a sound track as mono float32 (n,) at 16 kHz, with silence in its gaps.

    Raises:
        UnreadableMediaError: not media, or it has no audio.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    end = 0
    for item in decode(path, max_duration=max_duration, video=False, track=track, report=report):
        assert isinstance(item, AudioChunk)
        while item.start > end:
            silence = np.zeros(min(item.start - end, MAX_SILENCE), np.float32)
            end += len(silence)
            yield silence
        yield item.samples
        end = item.end


def decode(
    path: Path,
    *,
    max_duration: float,
    audio: bool = True,
    video: bool = True,
    from_zero: bool = True,
    track: int | None = None,
    report: DecodingReport | None = None,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield the audio and video of `path` in the order of their times.

    Times start at 0; without `from_zero` they are those in the file. Audio is mono float32 at 16
    kHz, of the sound track with the number `track`. Damaged data is left out, and counted in
    `report`.

    Raises:
        UnreadableMediaError: not media, or it has none of the requested streams.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    report = DecodingReport() if report is None else report
    with open_media(path) as container:
        sound = audio_stream(path, container, track) if audio else None
        pictures = video_stream(container) if video else None
        streams: list[Stream] = [each for each in (sound, pictures) if each is not None]
        if not streams:
            wanted = " or ".join(["audio"] * audio + ["video"] * video)
            raise UnreadableMediaError(f"{path}: it has no {wanted}")
        latest = latest_time(path, container, max_duration)
        origin = file_origin(container) if from_zero else Fraction(0)
        decoded = _decoded(container, streams, origin, latest, report)
        yield from _in_order(path, _interleaved(decoded, len(streams)), max_duration, report)


def _in_order(
    path: Path,
    items: Iterator[AudioChunk | VideoFrame],
    max_duration: float,
    report: DecodingReport,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield `items` without frames that go back in time, which have a damaged timestamp."""
    shown = -1  # pts of the last frame
    for item in items:
        check_duration(path, item.time, max_duration)
        if isinstance(item, AudioChunk):
            report.note_sound(item.samples)
        elif item.pts <= shown:
            report.note_damage("video")
            continue
        else:
            shown = item.pts
        yield item


def media_duration(container: av.container.InputContainer) -> float | None:
    """Return the duration in the header, in seconds; None if there is none, or a damaged one."""
    if container.duration is None or container.duration < 0:
        return None
    return container.duration / av.time_base


def latest_time(path: Path, container: av.container.InputContainer, max_duration: float) -> float:
    """Return the time after which timestamps are damaged, infinity if the header has no duration.

    A header that is within the limit is more likely true than a timestamp beyond it.

    Raises:
        MediaTooLongError: the header says that it is longer than `max_duration` seconds.
    """
    duration = media_duration(container)
    if duration is None:
        return math.inf
    check_duration(path, duration, max_duration)
    return max_duration


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


def read_packets(
    container: av.container.InputContainer, streams: "Sequence[S]", report: DecodingReport
) -> "Iterator[av.Packet[S]]":
    """Yield the packets of `streams`. Reading continues after an error, unless there are many."""
    failed, reason = 0, ""
    restarts = Restarts()
    while failed < MAX_READ_ERRORS:
        try:
            for packet in container.demux(streams):
                failed = 0
                restarts.correct(packet)
                yield cast("av.Packet[S]", packet)
        except (av.FFmpegError, ValueError) as error:
            failed += 1
            reason = str(error)
        else:
            return
    report.ended = reason


def packet_seconds(packet: "av.Packet[Stream]") -> float:
    """Return the duration of `packet`, 0.0 if it is unknown."""
    return float((packet.duration or 0) * (packet.time_base or 0))


def _decoded(
    container: av.container.InputContainer,
    streams: Sequence[Stream],
    origin: Fraction,
    latest: float,
    report: DecodingReport,
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield decoded items in file order, with times after `origin` and up to `latest`."""
    timeline = AudioTimeline(origin, latest)
    for packet in read_packets(container, streams, report):
        # Any error: decoders report damage by several, EPERM among them.
        try:
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    yield from timeline.convert(frame)
                elif isinstance(frame, av.VideoFrame):
                    yield from _picture(frame, packet.stream, origin, latest)
        except (av.FFmpegError, ValueError):
            report.note_damage(packet.stream.type, packet_seconds(packet))
    yield from timeline.flush()


def _picture(
    frame: av.VideoFrame, stream: Stream, origin: Fraction, latest: float
) -> Iterator[VideoFrame]:
    """Yield `frame`, if it has a time."""
    if frame.pts is None or not frame.time_base:
        return
    time = frame.pts * frame.time_base - origin
    if time <= latest:
        ticks = max(0, round(time * VIDEO_CLOCK_HZ))
        yield frame_from_av(frame, ticks, aspect=pixel_aspect(stream))


def _interleaved(
    items: Iterator[AudioChunk | VideoFrame], streams: int
) -> Iterator[AudioChunk | VideoFrame]:
    """Yield `items` in the order of time; an item waits until the other stream has passed it."""
    held: list[tuple[float, int, AudioChunk | VideoFrame]] = []
    size = 0  # bytes in `held`
    reached: dict[type, float] = {}
    order = count()
    for item in items:
        heapq.heappush(held, (item.time, next(order), item))
        size += _bytes(item)
        reached[type(item)] = item.time
        passed = min(reached.values()) if len(reached) == streams else -1.0
        while held and (held[0][0] <= passed or len(held) > MAX_HELD or size > MAX_HELD_BYTES):
            first = heapq.heappop(held)[2]
            size -= _bytes(first)
            yield first
    while held:
        yield heapq.heappop(held)[2]


def _bytes(item: AudioChunk | VideoFrame) -> int:
    return item.samples.nbytes if isinstance(item, AudioChunk) else item.pixels.nbytes
