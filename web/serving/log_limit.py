"""A limit on log lines that repeat, so that no client can fill a disk or hide other lines."""

import logging
import re
from dataclasses import dataclass

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

    A kind is a logger's message before its arguments are filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is logged; it may get a note."""
        if record.levelno < logging.INFO:
            return True  # somebody asked for all of them
        name = (record.name, VARYING.sub("#", str(record.msg)[:200]))
        kind = self._kinds.get(name)
        dropped = 0
        if kind is None or record.created - kind.start > PERIOD:
            dropped = 0 if kind is None else max(0, kind.count - BURST)
            kind = self._add(name, record.created)
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
