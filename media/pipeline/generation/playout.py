"""Where drawn pictures wait and are shown, and what can be said about that."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.generation_events import GeneratedImage
from media.pipeline.context import SessionContext
from media.pipeline.generation.chunk_producer import GeneratedFrame
from media.pipeline.interfaces import Pixels

Show = Callable[[VideoFrame], Awaitable[None]]

MOST_TIMES = 128  # of shown pictures that are kept, to tell how many a second there are


class PlayoutBuffer:
    """Shows pictures on the session's screen, where it has one, and sends those asked for.

    `waiting` are to be shown, `pictures` were since the video began, `delay` is from a control to
    the first picture that follows it, in seconds. While `open`, drawn pictures are what is shown.
    """

    def __init__(self, shared: SessionContext, show: Show | None) -> None:
        self._shared = shared
        self._show = show
        self._times: deque[float] = deque(maxlen=MOST_TIMES)
        self._last: Pixels | None = None
        self.waiting: deque[GeneratedFrame] = deque()
        self.pictures = 0
        self.delay: float | None = None

    @property
    def open(self) -> bool:
        """Whether a picture of the present video was shown."""
        return self.pictures > 0

    @property
    def on_screen(self) -> bool:
        """Whether the session has a screen."""
        return self._show is not None

    def clear(self) -> None:
        """Begin another video: what waits is not shown."""
        self.waiting.clear()
        self._times.clear()
        self._last = None
        self.pictures = 0
        self.delay = None

    def put(self, sheets: Sequence[GeneratedFrame]) -> None:
        """Let `sheets` wait in place of what waits; controls that those followed, they follow."""
        first, *rest = sheets
        followed = [sheet.since for sheet in (*self.waiting, first) if sheet.since is not None]
        self.waiting = deque([replace(first, since=min(followed, default=None)), *rest])

    async def show_next(self, now: float) -> None:
        """Show the picture that waited longest; `now` is its time."""
        sheet, counters = self.waiting.popleft(), self._shared.counters
        self.pictures += 1
        self._times.append(now)
        counters.drawn += 1
        self._last = sheet.pixels
        if sheet.since is not None:
            self.delay = counters.draw_delay = max(0.0, now - sheet.since)
        await self.pass_on(VideoFrame(sheet.pixels, round(now * VIDEO_CLOCK_HZ)))
        if sheet.jpeg is not None:
            await self._shared.send(GeneratedImage(self.pictures, now, sheet.jpeg))

    async def repeat(self, now: float) -> None:
        """Show the last picture again."""
        if self._last is not None:
            await self.pass_on(VideoFrame(self._last, round(now * VIDEO_CLOCK_HZ)))

    async def pass_on(self, frame: VideoFrame) -> None:
        """Show `frame` on the screen, if there is one."""
        if self._show is not None:
            await self._show(frame)

    def rate(self, now: float) -> float:
        """Return how many pictures were shown in the last second."""
        return float(sum(now - 1 < time <= now for time in self._times))
