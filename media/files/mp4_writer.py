"""A film that is made: pictures at a steady rate to H.264 in an MP4 file that any player shows."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from media.errors import MediaError

CRF = "16"  # constant rate factor: small pictures show every block at 23, the usual one
KEYFRAME_SECONDS = 2  # of key frames, at most: where a player can jump to
BT601 = 6  # as ISO/IEC 23091-2 numbers it: primaries, transfer and matrix of SMPTE 170M


class Mp4Writer:
    """Writes pictures of one size, `scale` times as large, to a file that is there at the end.

    Until then they are in a file beside it. It takes its place when the block ends, also where
    Ctrl-C ended it; after any other error, or without pictures, there is none and what was there
    before stays.

    Raises:
        MediaError: the file cannot be written.
    """

    def __init__(self, path: Path, rate: int, scale: int = 1) -> None:
        self.frames = 0
        self._path, self._rate, self._scale = path, rate, scale
        self._partial = path.with_name(path.name + ".new")
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> "Mp4Writer":
        options = {"movflags": "+faststart"}
        self._container = av.open(str(self._partial), "w", format="mp4", options=options)
        return self

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Append a picture, uint8 (height, width, 3) RGB."""
        assert self._container is not None
        if self._stream is None:
            self._stream = self._add_stream(self._container, *pixels.shape[:2])
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(
            self._stream.width,
            self._stream.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )
        picture.pts, picture.time_base = self.frames, Fraction(1, self._rate)
        self.frames += 1
        try:
            self._container.mux(self._stream.encode(picture))
        except OSError as error:
            raise MediaError(f"{self._path}: cannot be written: {error}") from error

    def _add_stream(
        self, container: av.container.OutputContainer, height: int, width: int
    ) -> av.VideoStream:
        stream = container.add_stream("libx264", rate=self._rate, options={"crf": CRF})
        stream.width, stream.height = (
            max(2, side * self._scale // 2 * 2) for side in (width, height)
        )
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, self._rate)
        stream.gop_size = KEYFRAME_SECONDS * self._rate
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT601
        context.color_range = ColorRange.MPEG
        return stream

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            kept = kind is None or issubclass(kind, KeyboardInterrupt)
            if kept and self._finish():
                self._partial.replace(self._path)
        except OSError as failed:
            raise MediaError(f"{self._path}: cannot be written: {failed}") from failed
        finally:
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> bool:
        """Return whether there is a film now."""
        assert self._container is not None
        if self._stream is None:
            return False
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return True
