"""The history of a session that runs or ended recently."""

from collections.abc import AsyncIterator, Iterable

from media.events.session import Input, Output
from media.events.speakers import Speakers
from web.history.entries import Entry, EntryMaker, Fields, entry_fields
from web.history.numbered_log import NumberedLog

MAX_ENTRIES = 20_000  # kept of one session: a day of speech, and what was asked


class History:
    """What was said, asked, answered and remembered, in order; the newest `MAX_ENTRIES`."""

    def __init__(self) -> None:
        self.log: NumberedLog[tuple[Entry, dict[int, str]]] = NumberedLog(MAX_ENTRIES)
        self._maker = EntryMaker()
        self._names: dict[int, str] = {}

    @property
    def count(self) -> int:
        """How many entries there were."""
        return self.log.count

    def restore(self, entries: Iterable[tuple[Entry, dict[int, str]]], dropped: int) -> None:
        """Take what another process has kept."""
        self.log.restore(entries, dropped)
        self._names = self.log.kept[-1][1] if self.log.kept else {}

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
        await self.log.add((entry, self._names))
