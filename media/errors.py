"""Errors raised on purpose by media.

MediaError
  UnreadableMediaError   a file that cannot be decoded, or has no suitable stream
  MediaTooLongError      a file longer than the limit
  FrameFilterError       a frame that a function of the user's did not change
"""


class MediaError(Exception):
    """Base of the errors that media raises on purpose."""


class UnreadableMediaError(MediaError):
    """A file is missing, is not media, or has no stream of the requested kind."""


class MediaTooLongError(MediaError):
    """A file is longer than the limit."""


class FrameFilterError(MediaError):
    """A function of the user's returned no picture for a frame; the message says why."""
