"""The stand-in for a video model: keeps frames, says what it heard, and says that it is one."""

from collections.abc import Iterator

import numpy as np

from media.events import Question
from media.frames import VIDEO_CLOCK_HZ, VideoFrame

MARK = "[echo: no video model is loaded]"


class EchoWatcher:
    """Keeps one frame each `interval` seconds, `kept` at most, at `width` pixels at most.

    The state is the frames kept, oldest first.
    """

    stand_in = True

    def __init__(self, *, interval: float = 1.0, kept: int = 60, width: int = 320) -> None:
        self._interval = interval
        self._kept = kept
        self._width = width

    def init_state(self) -> tuple[VideoFrame, ...]:
        return ()

    def see(self, state: tuple[VideoFrame, ...], frame: VideoFrame) -> tuple[VideoFrame, ...]:
        """Keep `frame` if the last one kept is old enough."""
        if state and frame.pts - state[-1].pts < self._interval * VIDEO_CLOCK_HZ:
            return state
        step = max(1, -(-frame.pixels.shape[1] // self._width))
        small = np.ascontiguousarray(frame.pixels[::step, ::step])
        return (*state, VideoFrame(small, frame.pts))[-self._kept :]

    def answer(self, state: tuple[VideoFrame, ...], question: Question) -> Iterator[str]:
        """Yield the question, word by word, and how many frames there are to look at."""
        seen = [frame for frame in state if frame.time <= question.time]
        yield MARK
        yield " You asked:"
        for word in question.text.split():
            yield f" {word}"
        if seen:
            yield f" ({len(seen)} frames kept, {seen[0].time:.0f} to {seen[-1].time:.0f} s)"
        else:
            yield " (no frame was seen)"
