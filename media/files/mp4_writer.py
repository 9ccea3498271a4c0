"""Writes frames at a constant rate as H.264 in an MP4 file."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from media.errors import MediaError
from media.video import name_colors

CRF = "16"  # constant rate factor: at the default, 23, small frames show their blocks
KEYFRAME_SECONDS = 2  # between keyframes, at most: players seek to them


class Mp4Writer:
    """Writes frames of one size, enlarged `scale` times, to the file `path`.

    The file is finished when the block ends, also after an error: `playable` is set if the frames
    so far can be played.

    Raises:
        MediaError: the file cannot be written.
    """

    def __init__(self, path: Path, rate: int, scale: float = 1) -> None:
        self.frames = 0
        self.playable = False
        self._path, self._rate, self._scale = path, rate, scale
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> "Mp4Writer":
        options = {"movflags": "+faststart"}
        try:
            self._container = av.open(str(self._path), "w", format="mp4", options=options)
        except OSError as error:
            raise MediaError(f"{self._path}: cannot be written: {error}") from error
        return self

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 (height, width, 3) RGB."""
        assert self._container is not None
        if self._stream is None:
            self._stream = self._add_stream(self._container, *pixels.shape[:2])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(
            self._stream.width,
            self._stream.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )
        frame.pts, frame.time_base = self.frames, Fraction(1, self._rate)
        self.frames += 1
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise MediaError(f"{self._path}: cannot be written: {error}") from error

    def _add_stream(
        self, container: av.container.OutputContainer, height: int, width: int
    ) -> av.VideoStream:
        stream = container.add_stream("libx264", rate=self._rate, options={"crf": CRF})
        stream.width, stream.height = (
            max(2, round(side * self._scale) // 2 * 2) for side in (width, height)
        )
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, self._rate)
        stream.gop_size = KEYFRAME_SECONDS * self._rate
        name_colors(stream)
        return stream

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._container is not None
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            self.playable = self._stream is not None
        except OSError as write_error:
            raise MediaError(f"{self._path}: cannot be written: {write_error}") from write_error
