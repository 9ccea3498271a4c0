"""The last pictures that came in, as many as a chunk of drawn ones begins from."""

from collections import deque

from media.frames import VideoFrame
from media.pipeline.interfaces import Pixels


class CameraWindow:
    """Keeps the newest picture of each of the last `count` spans of 1 / `rate` seconds."""

    def __init__(self, count: int, rate: float) -> None:
        self._rate = rate
        self._kept: deque[tuple[int, VideoFrame]] = deque(maxlen=count)

    @property
    def empty(self) -> bool:
        """Whether no picture came yet."""
        return not self._kept

    def keep(self, frame: VideoFrame) -> None:
        """Take the next picture; pictures come in order."""
        span = int(frame.time * self._rate)
        if self._kept and self._kept[-1][0] >= span:
            self._kept.pop()
        self._kept.append((span, frame))

    def chunk(self) -> list[Pixels] | None:
        """Return the picture of each of the last spans, oldest first; None before any came.

        A span without a picture has that of the one before.
        """
        if not self._kept:
            return None
        newest = self._kept[-1][0]
        pictures = []
        for span in range(newest - (self._kept.maxlen or 1) + 1, newest + 1):
            before = [frame for at, frame in self._kept if at <= span]
            pictures.append((before or [self._kept[0][1]])[-1].pixels)
        return pictures

    def forget(self) -> None:
        """Keep nothing any more."""
        self._kept.clear()
