"""A live session whose client may be lost and come back, whatever its connection is."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from media.clock import Clock, LiveClock
from web.context import ServiceContext
from web.errors import failure_message
from web.log_lines import current_session
from web.realtime.bridge import SessionBridge
from web.realtime.lines.delivery import Delivery
from web.realtime.lines.line import Line
from web.realtime.lines.visits import Visits
from web.session_record import SessionRecord

logger = logging.getLogger(__name__)

L = TypeVar("L", bound=Line)


class ResumableSession(ABC, Generic[L]):
    """Joins the connections of one client, one after another, to a session.

    `newest` is the connection that came last, and `clock` the time of the session.
    """

    def __init__(
        self,
        context: ServiceContext,
        record: SessionRecord,
        bridge: SessionBridge,
        clock: Clock | None = None,
    ) -> None:
        """The subclass calls `begin` with the first connection before `run`."""
        self.clock = clock or LiveClock()
        self._context = context
        self._record = record
        self._bridge = bridge
        self._tasks = asyncio.TaskGroup()
        self._delivery = Delivery(bridge.text_of, on_refusal=record.request_end)

    def begin(self, first: L) -> None:
        """Use `first` from the start."""
        self.newest = first
        visits = Visits(self._record, self._context.clock, first, self._delivery, self._tell)
        self._visits = visits

    def resume(self, line: L, *, after: int | None) -> bool:
        """Go on over `line` once it is open; return whether the session still takes one.

        `after` is the number of the last event that the client has, if it says so.
        """
        self.newest = line
        return self._visits.attach(line, after=after)

    async def run(self) -> None:
        """Run the session until its client leaves or stays away, or it is asked to end.

        Nothing is raised: a session that fails ends alone.
        """
        record = self._record
        record.live = self
        current_session.set(record.id)
        try:
            await failure_message(self._serve(), f"serving session {record.id}")
        finally:
            record.live = None
            await failure_message(self._close(), f"closing session {record.id}")
            await self._context.end_session(record)
            seconds = self.clock.now()
            logger.info("session %s ended after %.1f s: %s", record.id, seconds, record.end_reason)

    async def _serve(self) -> None:
        async with self._tasks as tasks:
            tasks.create_task(self._delivery.run(self._bridge.outgoing), name="deliver")
            await self._open()
            failure = await failure_message(self._run(), f"session {self._record.id}")
            if failure is not None:
                await self._bridge.fail(failure)
            self._record.live = None  # no more connections, and no viewers
            await self._finish(failed=failure is not None)

    async def _open(self) -> None:
        """Send the first events."""
        await self._bridge.open()

    async def warn(self, message: str) -> None:
        """Tell the client of something that it must know, if it takes the service's events."""
        await self._bridge.report("eyeline.notice", {"level": "warning", "message": message})

    @abstractmethod
    async def _run(self) -> None:
        """Run the session over its connections."""

    async def _finish(self, *, failed: bool) -> None:
        """End what waits for the session, and its events; `failed` if a stage failed."""
        await self._bridge.outgoing.close()

    async def _close(self) -> None:
        """Close what is open, however the session ended."""
        await self._visits.close()

    async def _tell(self, fields: dict[str, Any]) -> None:
        await self._bridge.report("eyeline.connection", fields)
