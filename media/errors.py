"""Errors raised on purpose by media.

MediaError
  UnreadableMediaError   not a file that can be decoded, or nothing in it to decode
  MediaTooLongError      longer than the caller allows
"""


class MediaError(Exception):
    """Base of the errors that media raises on purpose."""


class UnreadableMediaError(MediaError):
    """A file is not there, is not media, or has no stream of the kind that was asked for."""


class MediaTooLongError(MediaError):
    """A file is longer than the limit."""
