"""Errors raised on purpose by media.

MediaError
  UnreadableMediaError   a file that cannot be decoded, or has no suitable stream
  MediaTooLongError      a file longer than the limit
  FrameFilterError       a frame that a function of the user's did not change
  HungError              a computation that was given up, as it took too long
"""

import asyncio
from concurrent.futures import CancelledError


class MediaError(Exception):
    """Base of the errors that media raises on purpose."""


class UnreadableMediaError(MediaError):
    """A file is missing, is not media, or has no stream of the requested kind."""


class MediaTooLongError(MediaError):
    """A file is longer than the limit."""


class FrameFilterError(MediaError):
    """A function of the user's returned no picture for a frame; the message says why."""


class HungError(MediaError):
    """A computation took longer than it may, and was given up; the message is for users."""


_SIGNALS = (StopIteration, StopAsyncIteration, CancelledError, asyncio.CancelledError)


def as_failure(error: BaseException) -> Exception:
    """Return `error` as what the code that waits for a computation takes for its failure.

    The end of an iteration, a cancellation that nobody asked for and what would end the process are
    signals to an event loop: a task would end without an error, and others wait for it for ever.
    """
    if isinstance(error, Exception) and not isinstance(error, _SIGNALS):
        return error
    failure = RuntimeError(f"a computation raised {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
