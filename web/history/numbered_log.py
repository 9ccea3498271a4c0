"""A list that grows, is followed by any number of readers, and forgets its oldest entries."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class NumberedLog(Generic[T]):
    """`kept` are the newest `limit` entries; `dropped` older ones are not kept."""

    def __init__(self, limit: int) -> None:
        self.kept: list[T] = []
        self.dropped = 0
        self._limit = limit
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def count(self) -> int:
        """How many entries there were."""
        return self.dropped + len(self.kept)

    def restore(self, entries: Iterable[T], dropped: int) -> None:
        """Take what another process has kept."""
        self.kept, self.dropped = list(entries), dropped

    async def add(self, entry: T) -> None:
        """Keep an entry, and drop the oldest ones if there are too many."""
        self.kept.append(entry)
        surplus = len(self.kept) - self._limit
        if surplus > 0:
            del self.kept[:surplus]
            self.dropped += surplus
        async with self._changed:
            self._changed.notify_all()

    def change(self, number: int, changed: Callable[[T], T]) -> None:
        """Replace entry `number`, if it is still kept, for those who have not read it."""
        if number >= self.dropped:
            self.kept[number - self.dropped] = changed(self.kept[number - self.dropped])

    async def follow(self, start: int = 0) -> AsyncIterator[tuple[int, T]]:
        """Yield entries with their numbers, from `start` on, until the log ends.

        A slow reader holds nobody up; it misses entries that are no longer kept.
        """
        while True:
            start = max(start, self.dropped)
            while start < self.count:
                yield start, self.kept[start - self.dropped]
                start = max(start + 1, self.dropped)
            if self._ended:
                return
            async with self._changed:
                await self._changed.wait_for(partial(self._has_more, start))

    async def end(self) -> None:
        """Let those who follow come to the end."""
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    def _has_more(self, number: int) -> bool:
        return self._ended or number < self.count
