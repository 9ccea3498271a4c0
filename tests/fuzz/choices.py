"""Choices made by bytes, so that a fuzzer that mutates bytes mutates choices."""

import copy
import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

TEXTS = ("", " ", "a" * 300, "\x00", "\ud800", "\u2028", "é\u0301", "auto", "none", "data:,", "٣")
NUMBERS = (0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, math.inf, -math.inf, math.nan)
EMPTY: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"type": None},
    {"": ""},
    [1] * 70,
)


class Choices:
    """Takes choices from `data`, one to four bytes each; without bytes it takes the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next = 0

    @property
    def left(self) -> bool:
        return self._next < len(self._data)

    def number(self, count: int) -> int:
        """Return a number below `count`."""
        size = max(1, (count.bit_length() + 7) // 8)
        taken = self._data[self._next : self._next + size]
        self._next += size
        return int.from_bytes(taken, "big") % count

    def one(self, values: Sequence[T]) -> T:
        return values[self.number(len(values))]

    def data(self) -> bytes:
        """Return up to 255 bytes."""
        size = self.number(256)
        taken = self._data[self._next : self._next + size]
        self._next += size
        return taken

    def damaged(self, packet: bytes) -> bytes:
        """Return `packet` with up to four changes in it."""
        made = bytearray(packet)
        for _ in range(self.number(5)):
            place = self.number(len(made) + 1)
            match self.number(6):
                case 0:
                    made[place : place + 1] = self._bytes(1)
                case 1:  # a length, a count or a number
                    made[place : place + 2] = self.one((b"\0\0", b"\xff\xff", b"\0\1", b"\x7f\xff"))
                case 2:
                    del made[place:]
                case 3:
                    del made[place : place + 1 + self.number(20)]
                case 4:
                    made[place:place] = self._bytes(self.number(20))
                case _:
                    made += made[place:] * self.number(3)
        return bytes(made[:1500])

    def _bytes(self, size: int) -> bytes:
        taken = self._data[self._next : self._next + size]
        self._next += size
        return taken.ljust(size, b"\0")

    def value(self, others: Sequence[Any]) -> Any:
        """Return a JSON value of its own: an odd one, or a part of `others`."""
        return copy.deepcopy(self._value(others))

    def _value(self, others: Sequence[Any]) -> Any:
        match self.number(6):
            case 0:
                return self.one(TEXTS)
            case 1:
                return self.one(NUMBERS)
            case 2:
                return self.one(EMPTY)
            case 3:
                return self.data().decode("latin-1")
            case 4:
                return [self._value(others) for _ in range(self.number(4))]
            case _:
                return self.one(list(_parts(self.one(others))))

    def mutated(self, value: Any, others: Sequence[Any]) -> Any:
        """Return a copy of the JSON value with up to three changes in it."""
        made = json.loads(json.dumps(value))
        for _ in range(self.number(4)):
            made = self._changed(made, others)
        return made

    def _changed(self, value: Any, others: Sequence[Any]) -> Any:
        owners = [part for part in _parts(value) if isinstance(part, dict | list) and part]
        if not owners:
            return self.value(others)
        owner = self.one(owners)
        place: Any = self.one(list(owner) if isinstance(owner, dict) else range(len(owner)))
        match self.number(5):
            case 0:
                del owner[place]
            case 1 if isinstance(owner, dict):
                owner[str(self.one(TEXTS))] = owner[place]
            case _:
                owner[place] = self.value(others)
        return value


def _parts(value: Any) -> list[Any]:
    """Return `value` and all values in it."""
    match value:
        case dict():
            inner = list(value.values())
        case list():
            inner = value
        case _:
            inner = []
    return [value, *(part for each in inner for part in _parts(each))]
