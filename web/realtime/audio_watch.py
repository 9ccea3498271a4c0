"""Notices that a client's audio has stopped: a session itself has no clock that ends turns.

It counts ticks rather than seconds: when the event loop is held up, audio waits in sockets, and one
late tick is little of the time that must pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from media.events.session import Input
from media.frames import AudioChunk

TICK = 0.2  # seconds between two ticks


class AudioWatch:
    """The time without audio since the last that came, in ticks."""

    def __init__(self) -> None:
        self._missing: float | None = None  # seconds; None before audio, and once it was reported
        self._covered = 0.0
        self._receiving = 0

    def arrived(self, seconds: float) -> None:
        """Note that `seconds` of audio came at once: the next are not due before as much time."""
        if seconds > 0:
            self._missing, self._covered = 0.0, seconds

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Do not count the time in which the service is busy with what a client sent."""
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def tick(self, longest: float) -> bool:
        """Count a tick; return whether audio has now been missing for `longest` seconds, once."""
        if self._missing is None or self._receiving:
            return False
        self._missing += TICK
        stopped = self._missing >= longest + self._covered
        if stopped:
            self._missing = None
        return stopped


def audio_seconds(item: Input) -> float:
    return len(item.samples) / item.rate if isinstance(item, AudioChunk) else 0.0
