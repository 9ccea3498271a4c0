"""The video stream of a file: its timestamps, and decoders for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from media.errors import UnreadableMediaError
from media.files.decoding import file_origin, latest_time, open_media
from media.files.gop import Selection, ToTicks
from media.files.report import DecodingReport
from media.files.tracks import pixel_aspect, video_stream
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_from_av


@dataclass(frozen=True, slots=True, eq=False)
class VideoFile:
    """An open file with the options for reading it: frames of `selection`, within `limits`."""

    path: Path
    container: av.container.InputContainer
    stream: av.VideoStream
    to_ticks: ToTicks
    selection: Selection
    limits: SizeLimits | None
    report: DecodingReport

    def convert(self, frame: av.VideoFrame, pts: int) -> VideoFrame:
        """Return `frame`, which is at `pts` of the stream, as it is shown."""
        aspect = pixel_aspect(self.stream)
        return frame_from_av(frame, self.to_ticks(pts), self.limits, aspect=aspect)


@contextmanager
def open_video(
    path: Path,
    interval: float,
    limits: SizeLimits | None,
    report: DecodingReport,
    *,
    max_duration: float,
    from_zero: bool = True,
) -> Iterator[VideoFile]:
    """Open the video stream of `path` for frames `interval` seconds apart; times as for `decode`.

    Raises:
        UnreadableMediaError: not media, or it has no video.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise UnreadableMediaError(f"{path}: it has no video")
        latest = latest_time(path, container, max_duration) * VIDEO_CLOCK_HZ
        origin, base = file_origin(container) if from_zero else Fraction(0), stream.time_base
        assert base is not None

        def to_ticks(pts: int) -> int:
            return max(0, round((pts * base - origin) * VIDEO_CLOCK_HZ))

        selection = Selection(round(interval * VIDEO_CLOCK_HZ), latest)
        yield VideoFile(path, container, stream, to_ticks, selection, limits, report)


@contextmanager
def open_decoder(path: Path, *, strict: bool = False) -> Iterator[av.VideoCodecContext]:
    """Open another decoder for the video stream of `path`.

    A `strict` decoder has one thread and raises an error at damaged data. Others conceal it, with
    a result that depends on the frames decoded before.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        assert stream is not None
        if strict:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
        yield stream.codec_context
