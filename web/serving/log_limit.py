"""A limit on log lines that repeat, so that no client can fill a disk or hide other lines."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from media.clock import monotonic

BURST = 20  # lines of one kind in a period
PERIOD = 10.0  # seconds
MAX_KINDS = 1000
VARYING = re.compile(r"0x[0-9a-f]+|\d+")  # parts of a message in which lines of a kind differ


@dataclass(slots=True)
class _Kind:
    """Lines of one kind since `start`."""

    start: float
    count: int = 0


class RepeatLimit(logging.Filter):
    """Passes the first `BURST` lines of a kind in each period; the next period tells how many more.

    A kind is a logger's message before its arguments are filled in. Periods are on the clock `now`,
    as the time of a log line may jump.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._now = now
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is logged; it may get a note."""
        if record.levelno < logging.INFO or getattr(record, "unlimited", False):
            return True  # somebody asked for all of them, or they are of what a key has done
        name = (record.name, VARYING.sub("#", str(record.msg)[:200]))
        kind, now = self._kinds.get(name), self._now()
        dropped = 0
        if kind is None or now - kind.start > PERIOD:
            dropped = 0 if kind is None else max(0, kind.count - BURST)
            kind = self._add(name, now)
        kind.count += 1
        if kind.count > BURST:
            return False
        if dropped:
            _note(record, f"{dropped} more lines like this were not logged")
        elif kind.count == BURST:
            _note(record, f"more lines like this are not logged for {PERIOD:g} s")
        return True

    def _add(self, name: tuple[str, str], now: float) -> _Kind:
        if len(self._kinds) >= MAX_KINDS:
            del self._kinds[next(iter(self._kinds))]
        self._kinds.pop(name, None)
        self._kinds[name] = kind = _Kind(now)
        return kind


def _note(record: logging.LogRecord, text: str) -> None:
    record.msg, record.args = f"{record.getMessage()} ({text})", None
