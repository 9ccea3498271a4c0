"""What is published: a clip, played at its own speed, or a camera."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av

from media.channel import Channel, ChannelClosedError
from media.clock import Clock
from media.errors import UnreadableMediaError
from media.files.decoding import decode
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.video import frame_from_av
from media.worker import Worker

Media = Iterator[AudioChunk | VideoFrame]
CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation"}  # FFmpeg's names of devices
LATE = 0.2  # seconds behind its time after which a frame is left out


def is_camera(path: Path) -> bool:
    """Return whether `path` is a device, such as /dev/video0; on macOS its number will do."""
    return path.is_char_device() or (sys.platform == "darwin" and str(path).isdecimal())


def read_clip(path: Path, *, audio: bool, loop: bool, max_duration: float) -> Media:
    """Yield the audio and video of a file, in the order of time; with `loop` again and again.

    Raises:
        MediaError: it is not media, has neither, or is too long.
    """
    offset = 0.0
    while True:
        end = 0.0
        for item in decode(path, max_duration=max_duration, audio=audio):
            moved = _moved(item, offset)
            end = max(end, _end(moved) - offset)
            yield moved
        if not loop or end <= 0:
            return
        offset += end


def read_camera(path: Path) -> Media:
    """Yield the frames of a camera as they come, from time 0.

    Raises:
        UnreadableMediaError: it cannot be opened, or stops.
    """
    with _camera(path) as container:
        first: float | None = None
        try:
            for picture in container.decode(video=0):
                time: float | None = picture.time  # PyAV's stubs leave the None out
                if time is None:
                    continue
                first = time if first is None else first
                yield frame_from_av(picture, round((time - first) * VIDEO_CLOCK_HZ))
        except av.FFmpegError as error:
            raise UnreadableMediaError(f"{path}: the camera stopped: {error.strerror}") from error


@contextmanager
def _camera(path: Path) -> Iterator[av.container.InputContainer]:
    format = CAMERA_FORMATS.get(sys.platform)
    if format is None:
        raise UnreadableMediaError(f"{path}: cameras can be read on Linux and macOS only")
    try:
        container = av.open(str(path), format=format)
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMediaError(f"{path}: the camera cannot be opened: {error}") from error
    with container:
        yield container


async def play(
    media: Media,
    clock: Clock,
    worker: Worker,
    pictures: Channel[VideoFrame],
    sound: Channel[AudioChunk],
) -> float:
    """Send what `media` has into the channels when it is due; return the seconds that were played.

    Frames that are late, because this machine does not keep up, are left out. The channels are
    closed at the end.
    """
    start, end = clock.now(), 0.0
    try:
        while (item := await worker.run(next, media, None)) is not None:
            time = _start(item)
            await clock.sleep_until(start + time)
            end = max(end, _end(item))
            if isinstance(item, AudioChunk):
                await sound.send(item)
            elif clock.now() - start - time <= LATE:
                await pictures.send(item)
    except ChannelClosedError:
        pass  # the connection has ended
    finally:
        for channel in (pictures, sound):
            await asyncio.shield(channel.close())
    return end


def _start(item: AudioChunk | VideoFrame) -> float:
    return item.start / SAMPLE_RATE if isinstance(item, AudioChunk) else item.time


def _end(item: AudioChunk | VideoFrame) -> float:
    return item.end / SAMPLE_RATE if isinstance(item, AudioChunk) else item.time


def _moved(item: AudioChunk | VideoFrame, offset: float) -> AudioChunk | VideoFrame:
    if isinstance(item, AudioChunk):
        return replace(item, start=item.start + round(offset * SAMPLE_RATE))
    return replace(item, pts=item.pts + round(offset * VIDEO_CLOCK_HZ))
