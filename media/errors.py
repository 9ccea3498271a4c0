"""Errors raised on purpose by media.

MediaError
  UnreadableMediaError   a file that cannot be decoded, or has no suitable stream
  MediaTooLongError      a file longer than the limit
"""


class MediaError(Exception):
    """Base of the errors that media raises on purpose."""


class UnreadableMediaError(MediaError):
    """A file is missing, is not media, or has no stream of the requested kind."""


class MediaTooLongError(MediaError):
    """A file is longer than the limit."""
