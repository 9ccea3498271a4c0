"""Conversion of video frames: PyAV frames of any format to RGB arrays, and back to YUV.

No other module deals with YUV, BGR, rotation flags or color ranges. A frame that does not name its
YUV format is taken as BT.601 with limited range, as WebRTC uses.
"""

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.sizes import SizeLimits, fit

Pixels = NDArray[np.uint8]
VIDEO_TIME_BASE = Fraction(1, VIDEO_CLOCK_HZ)
QUARTER_TURN = 90  # degrees


def frame_from_av(frame: av.VideoFrame, pts: int, limits: SizeLimits | None = None) -> VideoFrame:
    """Convert a decoded frame: upright and within `limits`, at `pts` (90 kHz).

    The pixels are a copy, in RGB with full range.
    """
    width, height = fit(frame.width, frame.height, limits)
    scaled = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        dst_color_range=ColorRange.JPEG,
        interpolation=_interpolation(frame, width, height),
        threads=1,  # sessions run in parallel: threads for one frame only add overhead
    )
    turns = round(frame.rotation / QUARTER_TURN) % 4  # counter-clockwise
    upright = np.rot90(scaled.to_ndarray(), turns) if turns else scaled.to_ndarray()
    return VideoFrame(np.ascontiguousarray(upright, dtype=np.uint8), pts)


def frame_to_av(frame: VideoFrame, limits: SizeLimits | None = None) -> av.VideoFrame:
    """Convert `frame` to yuv420p for an encoder, within `limits`: BT.601, limited range.

    Encoders need even sides, so an odd last row or column is dropped.

    Raises:
        ValueError: the pixels are not uint8 (height, width, 3) with at least 2 by 2 of them.
    """
    rgb = _rgb_frame(frame.pixels)
    width, height = fit(rgb.width, rgb.height, limits)
    if (width % 2 or height % 2) and (width, height) == (rgb.width, rgb.height):
        rgb = _rgb_frame(frame.pixels[: height - height % 2, : width - width % 2])
    width, height = max(2, width - width % 2), max(2, height - height % 2)
    yuv = rgb.reformat(
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        interpolation=_interpolation(rgb, width, height),
        threads=1,
    )
    yuv.pts = frame.pts
    yuv.time_base = VIDEO_TIME_BASE
    return yuv


def resize(pixels: Pixels, limits: SizeLimits) -> Pixels:
    """Scale RGB `pixels` (height, width, 3) down to `limits`; return them as they are if they fit.

    Raises:
        ValueError: the pixels are not uint8 (height, width, 3) with at least 2 by 2 of them.
    """
    rgb = _rgb_frame(pixels)
    width, height = fit(rgb.width, rgb.height, limits)
    if (width, height) == (rgb.width, rgb.height):
        return pixels
    scaled = rgb.reformat(
        width=width, height=height, interpolation=Interpolation.AREA, threads=1
    ).to_ndarray()
    return np.ascontiguousarray(scaled, dtype=np.uint8)


def check_pixels(pixels: Pixels) -> None:
    """Check the type and the shape of `pixels`.

    Raises:
        ValueError: they are not uint8 (height, width, 3) with at least 2 by 2 of them.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"expected uint8 pixels (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    if min(pixels.shape[:2]) < 2:
        raise ValueError(f"expected at least 2 by 2 pixels, got {pixels.shape[:2]}")


def _rgb_frame(pixels: Pixels) -> av.VideoFrame:
    check_pixels(pixels)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")


def _interpolation(frame: av.VideoFrame, width: int, height: int) -> Interpolation:
    """Return the scaling filter; area averaging keeps fine text from flickering when reduced."""
    smaller = width < frame.width or height < frame.height
    return Interpolation.AREA if smaller else Interpolation.BILINEAR
