"""Captions drawn over frames, which pass through a function of the user's first if there is one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from media.channel import Channel
from media.errors import FrameFilterError
from media.events.hearing import Caption
from media.events.vision import Degraded
from media.frames import VideoFrame
from media.pipeline.context import SessionContext

logger = logging.getLogger(__name__)

CAPTION_SECONDS = 4.0  # that a final caption stays on the frame
MAX_LINES = 2  # the last ones are shown
SHADE = 0.45  # brightness of the frame behind the text


@dataclass(frozen=True, slots=True, eq=False)
class TextStrip:
    """Text to lay over the bottom of a frame: `alpha` is float32 (height, width, 1) in [0, 1]."""

    text: str
    alpha: NDArray[np.float32]


class CaptionOverlay:
    """The overlay stage: sends each frame with the current caption, while it is `watched`."""

    def __init__(self, context: SessionContext, watched: Callable[[], bool] = lambda: True) -> None:
        self._context = context
        self._watched = watched
        self._told = ""  # the last error of the filter, until a frame passes

    async def run(self, channel: Channel[VideoFrame | Caption]) -> None:
        """Send frames until `channel` ends."""
        worker, counters = self._context.services.media_worker, self._context.counters
        caption: Caption | None = None
        strip: TextStrip | None = None
        changed = 0.0
        async for item in channel:
            if isinstance(item, Caption):
                caption = item if item.words else None
                continue
            shown = await self._filtered(item) if self._watched() else None
            if shown is None:
                continue
            if caption is not None and strip is not None and strip.text == caption.text:
                if caption.final and item.time - changed > CAPTION_SECONDS:
                    caption = None
            else:
                changed = item.time
            text = caption.text if caption else ""
            frame, strip = await worker.run(overlay, shown, text, strip)
            counters.frames_out += 1
            await self._context.send(frame)

    async def _filtered(self, frame: VideoFrame) -> VideoFrame | None:
        """Return `frame` as the user's function makes it, None if that fails.

        Such a frame is not shown at all: the function may be there to hide something.
        """
        frame_filter = self._context.services.frame_filter
        if frame_filter is None:
            return frame
        try:
            filtered = await frame_filter.apply(frame)
        except FrameFilterError as error:
            self._context.counters.filter_failures += 1
            if str(error) != self._told:
                self._told = str(error)
                logger.warning("frames are not shown: %s", error)
                await self._context.send(Degraded(f"your video is not shown: {error}"))
            return None
        self._told = ""
        return filtered


def overlay(
    frame: VideoFrame, text: str, strip: TextStrip | None
) -> tuple[VideoFrame, TextStrip | None]:
    """Return `frame` with the last lines of `text` at its bottom, and the strip to reuse."""
    if not text:
        return frame, None
    height, width, _ = frame.pixels.shape
    if strip is None or strip.text != text or strip.alpha.shape[1] != width:
        strip = render(text, width, max(12, height // 18))
    count = min(height, len(strip.alpha))
    alpha = strip.alpha[-count:]
    pixels = frame.pixels.copy()
    below = pixels[-count:]
    below[:] = below * (SHADE * (1 - alpha)) + 255 * alpha
    return VideoFrame(pixels, frame.pts), strip


def render(text: str, width: int, size: int) -> TextStrip:
    """Return the last lines of `text`, white, `size` pixels high, wrapped to `width`."""
    font = ImageFont.load_default(size)
    lines = wrap(text, lambda line: font.getlength(line) <= width - size)[-MAX_LINES:]
    image = Image.new("L", (width, round(size * (1.35 * len(lines) + 0.4))))
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        left = (width - font.getlength(line)) / 2
        draw.text((left, size * (0.2 + 1.35 * index)), line, fill=255, font=font)
    return TextStrip(text, np.asarray(image, np.float32)[..., None] / np.float32(255))


def wrap(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Break `text` at white space into lines that fit; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and fits(f"{lines[-1]} {word}"):
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines
