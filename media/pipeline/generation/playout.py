"""The playout buffer: generated frames wait here and are shown."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from media.events.generation import GeneratedImage
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.pipeline.context import SessionContext
from media.pipeline.generation.chunk_producer import GeneratedFrame
from media.pipeline.interfaces import Pixels

ShowFrame = Callable[[VideoFrame], Awaitable[None]]

MAX_TIMES = 128  # of shown frames that are kept to measure their rate


class PlayoutBuffer:
    """Holds the chunk that is being shown and the next; shows frames and sends their files.

    `frames` counts those shown since the video started. `delay` is the time from a control to the
    first frame that follows it, in seconds.
    """

    def __init__(self, context: SessionContext, show: ShowFrame | None) -> None:
        self._context = context
        self._show = show
        self._times: deque[float] = deque(maxlen=MAX_TIMES)
        self._last: Pixels | None = None
        self._chunks: list[deque[GeneratedFrame]] = []  # never empty ones
        self.frames = 0
        self.delay: float | None = None

    @property
    def waiting(self) -> int:
        """Return how many frames of the chunk that is being shown wait."""
        return len(self._chunks[0]) if self._chunks else 0

    @property
    def next_ready(self) -> bool:
        """Whether the chunk after the one that is being shown waits, too."""
        return len(self._chunks) > 1

    @property
    def started(self) -> bool:
        """Whether a frame of the present video was shown."""
        return self.frames > 0

    @property
    def on_screen(self) -> bool:
        """Whether the session returns video."""
        return self._show is not None

    def clear(self) -> None:
        """Start another video: waiting frames are not shown."""
        self._chunks.clear()
        self._times.clear()
        self._last = None
        self.frames = 0
        self.delay = None

    def put(self, chunk: Sequence[GeneratedFrame]) -> None:
        """Append `chunk`; there must not be a next one yet."""
        self._chunks.append(deque(chunk))

    def replace_all(self, chunk: Sequence[GeneratedFrame]) -> None:
        """Put `chunk` in place of all waiting frames; it follows their controls, too."""
        first, *rest = chunk
        followed = [f.control_time for f in (*self._frames(), first) if f.control_time is not None]
        self._chunks = [deque([replace(first, control_time=min(followed, default=None)), *rest])]

    def discard_next(self) -> float | None:
        """Discard the next chunk; return the control time of its first frame."""
        return self._chunks.pop()[0].control_time if self.next_ready else None

    async def show_next(self, now: float) -> None:
        """Show the oldest waiting frame; `now` is its time."""
        frame, counters = self._chunks[0].popleft(), self._context.counters
        if not self._chunks[0]:
            del self._chunks[0]
        self.frames += 1
        self._times.append(now)
        counters.drawn += 1
        self._last = frame.pixels
        if frame.control_time is not None:
            self.delay = counters.frame_followed(frame.control_time, now)
        await self.show(VideoFrame(frame.pixels, round(now * VIDEO_CLOCK_HZ)))
        if frame.jpeg is not None:
            await self._context.send(GeneratedImage(self.frames, now, frame.jpeg))

    async def repeat(self, now: float) -> None:
        """Show the last frame again."""
        if self._last is not None:
            await self.show(VideoFrame(self._last, round(now * VIDEO_CLOCK_HZ)))

    async def show(self, frame: VideoFrame) -> None:
        """Show `frame`, if the session returns video."""
        if self._show is not None:
            await self._show(frame)

    def rate(self, now: float) -> float:
        """Return how many frames were shown in the last second."""
        return float(sum(now - 1 < time <= now for time in self._times))

    def _frames(self) -> list[GeneratedFrame]:
        return [frame for chunk in self._chunks for frame in chunk]
