"""Writers of the media files of a recording: FLAC for audio, H.264 in Matroska for video."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from media.audio.pcm import to_int16
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, VideoFrame
from media.video import name_colors

TICKS_PER_MS = (
    VIDEO_CLOCK_HZ // 1000
)  # of 90 kHz in a millisecond, the unit of Matroska's timestamps
KEYFRAME_INTERVAL = 60  # frames

# What was written reaches the file at once, so that a recording outlives its process: each FLAC
# frame, and each cluster of Matroska, which begins when the cluster before it is written.
FLUSH = {"flush_packets": "1"}
CLUSTER_MS = 500


class FlacWriter:
    """Appends mono float32 at 16 kHz to a FLAC file, created with the first sample.

    Audio that was int16 is stored without loss.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: av.container.OutputContainer | None = None
        self._stream: av.AudioStream | None = None
        self._end = 0

    def write(self, samples: NDArray[np.float32]) -> None:
        if not len(samples):
            return
        if self._container is None or self._stream is None:
            self._container = av.open(str(self._path), "w", format="flac", container_options=FLUSH)
            self._stream = self._container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        pcm = to_int16(samples)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._end
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._end += len(pcm)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file, if it is open."""
        container, self._container = self._container, None
        _finish(container, self._stream)


class MatroskaWriter:
    """Appends frames to a Matroska file, created with the first frame and in its size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._last = -1  # milliseconds of the last image

    def write(self, frame: VideoFrame) -> None:
        """Append `frame`, scaled to the size of the first; a frame out of order is skipped."""
        time = frame.pts // TICKS_PER_MS  # rounded down: a frame is never later than it was
        if time <= self._last:
            return
        self._last = time
        if self._container is None or self._stream is None:
            self._open(frame)
        assert self._container is not None
        assert self._stream is not None
        image = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24").reformat(
            self._stream.width,
            self._stream.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
        )
        image.pts = time
        image.time_base = Fraction(1, 1000)
        self._container.mux(self._stream.encode(image))

    def _open(self, frame: VideoFrame) -> None:
        height, width, _ = frame.pixels.shape
        options = {**FLUSH, "cluster_time_limit": str(CLUSTER_MS)}
        self._container = av.open(
            str(self._path), "w", format="matroska", container_options=options
        )
        options = {"preset": "ultrafast", "crf": "20", "tune": "zerolatency"}
        self._stream = self._container.add_stream("libx264", rate=30, options=options)
        self._stream.width, self._stream.height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, 1000)
        self._stream.codec_context.time_base = Fraction(1, 1000)
        self._stream.gop_size = KEYFRAME_INTERVAL
        name_colors(self._stream)

    def close(self) -> None:
        """Finish the file, if it is open."""
        container, self._container = self._container, None
        _finish(container, self._stream)


def _finish(
    container: av.container.OutputContainer | None, stream: av.AudioStream | av.VideoStream | None
) -> None:
    if container is None or stream is None:
        return
    try:
        container.mux(stream.encode(None))
    finally:
        container.close()
