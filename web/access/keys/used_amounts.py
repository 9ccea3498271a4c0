"""What keys have used in the last day, counted by several processes that tell each other.

Each process adds to cells of its own, which only grow. A cell that is told twice, or late, changes
nothing, so processes may tell each other in any order, through a registry or through a file.

Source: G-Counter, Shapiro et al. 2011, section 3.1.1.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import NamedTuple

from web.access.auth import wall_clock
from web.access.keys.window_counts import WindowCounts

DAY = 86_400  # seconds
MAX_CELLS = 20_000  # of both days; then those that have not changed for longest are forgotten


class UsedCell(NamedTuple):
    """The `amount` that `process` has used on `day` (of 1970) in the name of `name`."""

    name: str
    day: int
    process: str
    amount: int


Place = tuple[str, int, str]  # of a cell: name, day, process


class UsedAmounts:
    """The amounts of all processes, today's and yesterday's; `now` is the time since 1970."""

    def __init__(self, now: Callable[[], float] = lambda: wall_clock().timestamp()) -> None:
        self.process = secrets.token_hex(6)
        self.version = 0  # of the last change
        self._now = now
        self._cells: OrderedDict[Place, tuple[int, int]] = OrderedDict()  # amount, version
        self._sums: dict[tuple[str, int], int] = {}

    def add(self, name: str, amount: int) -> None:
        """Use `amount` in the name of `name`."""
        place = name, int(self._now() // DAY), self.process
        before, _ = self._cells.get(place, (0, 0))
        self._set(place, before + amount)

    def counts(self, name: str) -> WindowCounts:
        """Return what all processes have used in the name of `name`."""
        day, inside = divmod(self._now(), DAY)
        before, now = (self._sums.get((name, int(day) - back), 0) for back in (1, 0))
        return WindowCounts(DAY, before, DAY - inside, now, 2 * DAY - inside)

    def merge(self, cells: Iterable[UsedCell]) -> None:
        """Learn what other processes have used, or this one before it ended."""
        today = int(self._now() // DAY)
        for name, day, process, amount in cells:
            place = name, day, process
            if day >= today - 1 and amount > self._cells.get(place, (0, 0))[0]:
                self._set(place, amount)

    def changes(self, version: int = 0, *, of: str | None = None) -> list[UsedCell]:
        """Return the cells that have changed since `version`, only of process `of` if set."""
        newest = takewhile(lambda cell: cell[1][1] > version, reversed(self._cells.items()))
        return [
            UsedCell(*place, amount)
            for place, (amount, _) in newest
            if of is None or place[2] == of
        ]

    def _set(self, place: Place, amount: int) -> None:
        before, _ = self._cells.pop(place, (0, 0))
        self.version += 1
        self._cells[place] = amount, self.version
        self._count(place, amount - before)
        self._forget(place[1])

    def _count(self, place: Place, amount: int) -> None:
        name, day, _ = place
        self._sums[name, day] = self._sums.get((name, day), 0) + amount
        if not self._sums[name, day]:
            del self._sums[name, day]

    def _forget(self, today: int) -> None:
        """Forget cells of earlier days, which are the first, and those beyond `MAX_CELLS`."""
        while self._cells:
            place, (amount, _) = next(iter(self._cells.items()))
            if place[1] >= today - 1 and len(self._cells) <= MAX_CELLS:
                return
            del self._cells[place]
            self._count(place, -amount)
