"""Conversion of video frames: PyAV frames of any format to RGB arrays, and back to YUV.

No other module deals with YUV, BGR, rotation flags or color ranges.
"""

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.sizes import SizeLimits, fit
from media.tone_mapping import TRANSFERS, coding_of, to_srgb

Pixels = NDArray[np.uint8]
VIDEO_TIME_BASE = Fraction(1, VIDEO_CLOCK_HZ)
QUARTER_TURN = 90  # degrees
SQUARE = Fraction(1)
MAX_PIXEL_ASPECT = 10  # width over height of one pixel, or the inverse; more is damage
WHITE = 255
BT601 = 6  # code point of ISO/IEC 23091-2 for SMPTE 170M: primaries, transfer and matrix
# By the value of AVColorSpace, ITU-T H.273 table 4; others that FFmpeg's scaler lacks are close.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
HD_WIDTH, SD_HEIGHT = 1280, 576  # from this width or above this height, video is BT.709 by default


def frame_from_av(
    frame: av.VideoFrame,
    pts: int,
    limits: SizeLimits | None = None,
    *,
    aspect: Fraction = SQUARE,
    turns: int = 0,
    webrtc: bool = False,
) -> VideoFrame:
    """Convert a decoded frame to what a player shows: within `limits`, at `pts` (90 kHz).

    It is upright, with square pixels (those of `frame` have the shape `aspect`, width over height),
    in sRGB with high dynamic range mapped to it, and white where it is transparent. Of an
    interlaced frame one field is shown. Colors that the frame does not specify are those of its
    size; with `webrtc` they are BT.601. It is turned clockwise by `turns` quarters beside what it
    says of itself. The pixels are a copy, in RGB with full range.
    """
    width, height = fit(*_display_size(frame, aspect), limits)
    shown = _rgb(frame, width, height, webrtc=webrtc)
    back = (round(frame.rotation / QUARTER_TURN) - turns) % 4  # counter-clockwise
    upright = np.rot90(shown, back) if back else shown
    return VideoFrame(np.ascontiguousarray(upright, dtype=np.uint8), pts)


def _display_size(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Return the size with square pixels; nothing gets smaller."""
    if not Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT:
        return frame.width, frame.height
    if aspect >= 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def _rgb(frame: av.VideoFrame, width: int, height: int, *, webrtc: bool) -> Pixels:
    """Return `frame` in sRGB: uint8 (height, width, 3)."""
    coding = coding_of(frame.color_primaries, frame.color_trc)
    transparent = any(component.is_alpha for component in frame.format.components)
    source = _field(frame) if frame.interlaced_frame else frame
    scaled = source.reformat(
        width=width,
        height=height,
        format="rgb48le" if coding else "rgba" if transparent else "rgb24",
        src_colorspace=_matrix(frame, webrtc=webrtc),
        dst_color_range=ColorRange.JPEG,
        interpolation=_interpolation(frame, width, height),
        threads=1,  # sessions run in parallel: threads for one frame only add overhead
    ).to_ndarray()
    if coding is not None:
        return to_srgb(scaled.astype(np.uint16, copy=False), *coding)
    return _on_white(scaled) if transparent else scaled.astype(np.uint8, copy=False)


def _matrix(frame: av.VideoFrame, *, webrtc: bool) -> Colorspace | None:
    """Return the matrix from YUV to RGB; if the frame names none, that of its kind, as players."""
    if frame.format.is_rgb:
        return None
    matrix = MATRICES.get(frame.colorspace)
    if matrix is not None:
        return matrix
    if frame.color_trc in TRANSFERS:
        return Colorspace.BT2020
    small = frame.width < HD_WIDTH and frame.height <= SD_HEIGHT
    return Colorspace.ITU601 if webrtc or small else Colorspace.ITU709


def _field(frame: av.VideoFrame) -> av.VideoFrame:
    """Return every second line: in both fields together, what moves has the teeth of a comb."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or VIDEO_TIME_BASE,
    )
    graph.link_nodes(source, graph.add("field"), graph.add("buffersink")).configure()
    graph.push(frame)
    field = graph.pull()
    assert isinstance(field, av.VideoFrame)
    field.color_range, field.colorspace = frame.color_range, frame.colorspace
    return field


def _on_white(pixels: NDArray[np.generic]) -> Pixels:
    """Return RGBA `pixels` (height, width, 4) as RGB on white."""
    color, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
    shown = (color * alpha + WHITE * (WHITE - alpha) + WHITE // 2) // WHITE
    return shown.astype(np.uint8)


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


def name_colors(stream: av.VideoStream) -> None:
    """Note in `stream` the colors of what `frame_to_av` made, which players guess otherwise."""
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT601
    context.color_range = ColorRange.MPEG


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
