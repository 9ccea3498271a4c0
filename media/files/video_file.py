"""A file whose pictures are wanted: where they are, when they are shown, how to decode them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from media.errors import UnreadableMediaError
from media.files.decoding import open_media
from media.files.gop import ToTicks
from media.frames import VIDEO_CLOCK_HZ
from media.video import SizeLimits


@dataclass(frozen=True, slots=True, eq=False)
class VideoFile:
    """An open file: where its pictures are, and which and how large they are wanted."""

    path: Path
    container: av.container.InputContainer
    stream: av.VideoStream
    to_ticks: ToTicks
    interval: int  # ticks between pictures, at 90 kHz
    limits: SizeLimits | None


@contextmanager
def open_video(path: Path, interval: int, limits: SizeLimits | None) -> Iterator[VideoFile]:
    """Open the pictures of `path`.

    Raises:
        UnreadableMediaError: not media, or there are no pictures in it.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise UnreadableMediaError(f"{path}: there are no pictures in it")
        origin, base = Fraction(container.start_time or 0, av.time_base), stream.time_base
        assert base is not None

        def place(pts: int) -> int:
            return max(0, round((pts * base - origin) * VIDEO_CLOCK_HZ))

        yield VideoFile(path, container, stream, place, interval, limits)


def video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the first stream of pictures that is not the cover of a song."""
    cover = av.stream.Disposition.attached_pic
    return next((each for each in container.streams.video if not each.disposition & cover), None)


@contextmanager
def open_decoder(path: Path, *, strict: bool = False) -> Iterator[av.VideoCodecContext]:
    """Open another decoder for the pictures of `path`.

    A `strict` one has a single thread and raises errors that another conceals: what it puts in
    place of damaged pictures depends on the pictures before.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        assert stream is not None
        if strict:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
        yield stream.codec_context
