"""A session's client, which may be lost and come back on another connection.

The session goes on meanwhile. It ends when its client leaves, or stays away for too long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from media.clock import Clock
from web.realtime.lines.delivery import Delivery
from web.realtime.lines.line import Line
from web.sessions.attendance import arrived, attendance_fields, deadline, disconnected, fell_silent
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

L = TypeVar("L", bound=Line)


class Visits(Generic[L]):
    """The connections of one client: `current` is the one in use, None while it has none.

    Without a `first` one, the client was here before another process took the session over.

    A client that is away has `record.patience` seconds to come back; at 0 the session ends with
    its connection. `clock` is the service's. `tell` takes the fields of `eyeline.connection`.
    """

    def __init__(
        self,
        record: SessionRecord,
        clock: Clock,
        first: L | None,
        delivery: Delivery,
        tell: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self.current: L | None = first
        self._record = record
        self._clock = clock
        self._delivery = delivery
        self._tell = tell
        self._lines: list[L] = [] if first is None else [first]  # that are not closed
        self._waiting: L | None = None  # to be open, and then to be used
        self._tasks: asyncio.TaskGroup | None = None  # while the client is served
        self.begun = asyncio.Event()  # set when the client is served, and when it never will be
        self._running: set[asyncio.Task[None]] = set()
        self._left = False
        self._missing = False
        self._changed = asyncio.Event()

    async def serve(self) -> None:
        """Return when the client has left, or was away for too long."""
        first = self.current
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self.begun.set()
            try:
                if first is not None:
                    await self._delivery.attach(first)
                    self._start(self._read(first))
                await self._until_over()
            finally:
                self._tasks = None
                for task in self._running:
                    task.cancel()

    def attach(self, line: L, *, after: int | None) -> bool:
        """Use `line` as soon as it is open; return whether the session still takes one.

        `after` is the number of the last event that the client has, if it says so.
        """
        if self._tasks is None:
            return False
        self._lines.append(line)
        self._start(self._switch(line, after))
        return True

    def hear(self, line: L, silent: bool) -> None:
        """Note that the client fell silent on `line`, or is heard again."""
        if line is self.current:
            state, now = self._record.attendance, self._clock.now()
            self._record.attendance = fell_silent(state, now) if silent else arrived(state)
            self._changed.set()

    async def close(self) -> None:
        """Close every connection."""
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines:
                tasks.create_task(line.close(), name="close connection")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        task = self._tasks.create_task(work, name="serve client")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _switch(self, line: L, after: int | None) -> None:
        """Use `line` once it is open, in place of the one in use."""
        surplus, self._waiting = self._waiting, line
        if surplus is not None:
            await self._close(surplus)
        opened = await line.wait_open()
        if self._waiting is line:
            self._waiting = None
        if not opened:
            await self._close(line)
            return
        before, self.current = self.current, line
        if before is not None:
            self._start(self._close(before))
        self._missing = await self._delivery.attach(line, after=after)
        self._record.attendance = arrived(self._record.attendance)
        self._changed.set()
        await self._read(line)

    async def _read(self, line: L) -> None:
        """Read from `line` until it ends, and note how."""
        end = await line.read()
        if line is not self.current:  # another one has taken its place
            return
        self.current = None
        record = self._record
        if end.lost and record.patience > 0:
            record.attendance = disconnected(record.attendance, self._clock.now())
            logger.info("session %s: %s", record.id, end.reason)
            self._changed.set()
            await self._delivery.attach(None)
            await self._close(line)
        else:  # the last events are sent over it, if it still takes them
            record.end_reason = record.end_reason or end.reason
            self._left = True
            self._changed.set()

    async def _close(self, line: L) -> None:
        await line.close()
        if line in self._lines:
            self._lines.remove(line)

    async def _until_over(self) -> None:
        """Tell the client how its connection is; return when it has left or does not come back."""
        told: tuple[object, ...] = ()
        while not self._left:
            self._changed.clear()
            state = (self._record.attendance, self.current)
            if state != told:
                told = state
                await self._report()
            end = deadline(self._record.attendance, self._record.patience)
            left = None if end is None else end - self._clock.now()
            if left is not None and left <= 0:
                reason = f"the client did not come back within {self._record.patience:g} s"
                self._record.end_reason = self._record.end_reason or reason
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def _report(self) -> None:
        record, now = self._record, self._clock.now()
        fields = attendance_fields(record.attendance, record.patience, now)
        if record.attendance.away_since is None:
            await self._delivery.resume()
        elif record.attendance.connected:
            text = "session %s: nothing comes from its client; it is kept for %g s more"
            logger.warning(text, record.id, fields["ends_in"])
        missing, self._missing = self._missing, False
        waits = {"waits": record.patience, "events_lost": missing}
        await self._tell({**fields, **waits})
