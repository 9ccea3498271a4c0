"""The history of a session that runs or ended recently."""

from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from media.events.session import Input, Output
from media.events.speakers import Speakers
from media.events.vision import Remembered
from web.history.entries import Entry, EntryMaker, Fields, entry_fields
from web.history.numbered_log import NumberedLog

MAX_ENTRIES = 20_000  # kept of one session: a day of speech, and what was asked
MAX_PICTURES = 5_000  # of its moments, of 4 kB each


class History:
    """What was said, asked, answered and remembered, in order; the newest `MAX_ENTRIES`.

    The newest `MAX_PICTURES` moments have their pictures.
    """

    def __init__(self) -> None:
        self.log: NumberedLog[tuple[Entry, dict[int, str]]] = NumberedLog(MAX_ENTRIES)
        self._maker = EntryMaker()
        self._names: dict[int, str] = {}
        self._pictured: deque[int] = deque()  # the numbers of moments with pictures

    @property
    def count(self) -> int:
        """How many entries there were."""
        return self.log.count

    def restore(self, entries: Iterable[tuple[Entry, dict[int, str]]], dropped: int) -> None:
        """Take what another process has kept."""
        self.log.restore(entries, dropped)
        self._names = self.log.kept[-1][1] if self.log.kept else {}
        for number, (entry, _) in enumerate(self.log.kept, dropped):
            self._note_picture(number, entry)

    async def note_input(self, item: Input) -> None:
        """Note what enters the session."""
        await self._add(self._maker.of_input(item))

    async def note_output(self, output: Output) -> None:
        """Note what leaves the session."""
        await self._add(self._maker.of_output(output))

    async def follow(self, start: int = 0) -> AsyncIterator[tuple[int, Fields]]:
        """Yield entries as JSON, with their numbers, from `start` on, until the session ends."""
        async for number, (entry, names) in self.log.follow(start):
            yield number, entry_fields(entry, names)

    async def end(self) -> None:
        """Let those who follow come to the end."""
        await self.log.end()

    async def _add(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if isinstance(entry, Speakers):
            self._names = dict(entry.names)
        self._note_picture(self.log.count, entry)
        await self.log.add((entry, self._names))

    def _note_picture(self, number: int, entry: Entry) -> None:
        """Note that entry `number` may have a picture, and forget the oldest of too many."""
        if not isinstance(entry, Remembered) or entry.picture is None:
            return
        self._pictured.append(number)
        if len(self._pictured) > MAX_PICTURES:
            self.log.change(self._pictured.popleft(), _without_picture)


def _without_picture(kept: tuple[Entry, dict[int, str]]) -> tuple[Entry, dict[int, str]]:
    entry, names = kept
    assert isinstance(entry, Remembered)
    return replace(entry, picture=None), names
