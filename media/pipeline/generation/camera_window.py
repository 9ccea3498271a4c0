"""The last camera frames, as many as a chunk of generated ones starts from."""

from collections import deque

from media.frames import VideoFrame
from media.pipeline.interfaces import Pixels


class CameraWindow:
    """Keeps the newest frame of each of the last `count` spans of 1 / `rate` seconds."""

    def __init__(self, count: int, rate: float) -> None:
        self._rate = rate
        self._frames: deque[tuple[int, VideoFrame]] = deque(maxlen=count)

    @property
    def empty(self) -> bool:
        """Whether no frame came yet."""
        return not self._frames

    def add(self, frame: VideoFrame) -> None:
        """Add the next frame; frames come in order."""
        span = int(frame.time * self._rate)
        if self._frames and self._frames[-1][0] >= span:
            self._frames.pop()
        self._frames.append((span, frame))

    def chunk(self) -> list[Pixels] | None:
        """Return the frame of each of the last spans, oldest first; None before any came.

        A span without a frame has that of the one before.
        """
        if not self._frames:
            return None
        newest = self._frames[-1][0]
        pictures = []
        for span in range(newest - (self._frames.maxlen or 1) + 1, newest + 1):
            before = [frame for at, frame in self._frames if at <= span]
            pictures.append((before or [self._frames[0][1]])[-1].pixels)
        return pictures

    def clear(self) -> None:
        """Discard all frames."""
        self._frames.clear()
