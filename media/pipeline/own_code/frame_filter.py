"""Frames through a function of the user's: a picture and its time in, a picture out.

It runs on an event loop of its own, in a thread, so it may block without holding sessions up.
"""

import asyncio
import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from media.errors import FrameFilterError
from media.frames import VideoFrame
from media.pipeline.interfaces import Pixels
from media.pipeline.own_code.handler import HandlerLoop
from media.pipeline.own_code.user_function import UserCodeError, UserFunction, run_user_code


class UserFrameFilter:
    """The function `function`, which all sessions share; it has `max_wait` seconds for a frame."""

    def __init__(self, function: UserFunction, loop: HandlerLoop, *, max_wait: float = 1.0) -> None:
        self.name = function.name
        self.about = f"video that comes back passes through {function.name}"
        self._function = function
        self._loop = loop
        self._max_wait = max_wait

    async def apply(self, frame: VideoFrame) -> VideoFrame:
        """Return what the function makes of `frame`.

        Raises:
            FrameFilterError: it does not load, raises, takes too long, or returns no picture.
        """
        running = self._loop.submit(run_user_code(self._call(frame), self._function))
        try:
            async with asyncio.timeout(self._max_wait):
                pixels = await asyncio.wrap_future(running)
        except TimeoutError as error:
            seconds = f"{self._max_wait:g} s"
            raise FrameFilterError(f"{self.name} returned no picture within {seconds}") from error
        except UserCodeError as error:
            raise FrameFilterError(str(error)) from error
        return replace(frame, pixels=pixels)

    async def _call(self, frame: VideoFrame) -> Pixels:
        """Call the function, on its own loop; its picture is one that it may draw into."""
        function = self._function.load()
        made = function(frame.pixels.copy(), frame.time)
        picture = await made if inspect.isawaitable(made) else made
        return checked(picture, frame.pixels.shape)


def checked(picture: Any, shape: tuple[int, ...]) -> Pixels:
    """Return `picture`, which a function of the user's returned for one of `shape`.

    Raises:
        TypeError: it is no uint8 array of that shape.
    """
    expected = f"expected a uint8 array of shape {shape}"
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"{expected}, got {type(picture).__name__}")
    if picture.dtype != np.uint8 or picture.shape != shape:
        raise TypeError(f"{expected}, got {picture.dtype} of shape {picture.shape}")
    return np.array(picture)  # the function may use its own again
