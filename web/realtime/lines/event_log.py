"""The newest events of a session, for a client that comes back and missed some.

Pure: events have numbers that grow, and the oldest are forgotten.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

MAX_EVENTS = 2_000
MAX_CHARACTERS = 1 << 20  # of all events together


class EventLog:
    """Events as texts, each under its number; at most so many, and so many characters."""

    def __init__(
        self, *, max_events: int = MAX_EVENTS, max_characters: int = MAX_CHARACTERS
    ) -> None:
        self._max_events = max_events
        self._max_characters = max_characters
        self._texts: deque[tuple[int, str]] = deque()
        self._characters = 0
        self._forgotten = 0  # the number of the newest that was forgotten

    def add(self, number: int, text: str) -> None:
        """Add the event `number`, which is higher than all before."""
        self._texts.append((number, text))
        self._characters += len(text)
        while self._texts and (
            len(self._texts) > self._max_events or self._characters > self._max_characters
        ):
            self._forgotten, oldest = self._texts.popleft()
            self._characters -= len(oldest)

    @property
    def texts(self) -> Sequence[tuple[int, str]]:
        """The events that are not forgotten, each after its number; it is the log's own."""
        return self._texts

    def after(self, number: int) -> tuple[int, str] | None:
        """Return the number and the text of the first event after `number`, None if it was last."""
        if not self._texts or self._texts[-1][0] <= number:
            return None
        return self._texts[bisect_right(self._texts, number, key=lambda entry: entry[0])]

    def misses(self, number: int) -> bool:
        """Return whether an event after `number` has been forgotten."""
        return self._forgotten > number
