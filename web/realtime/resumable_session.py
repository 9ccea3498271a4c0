"""A live session whose client may be lost and come back, whatever its connection is."""

import asyncio
import logging
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Generic, TypeVar

from media.clock import Clock, LiveClock
from media.events.session import Output
from web.context import ServiceContext
from web.errors import failure_message
from web.log_lines import current_session
from web.realtime.bridge import SessionBridge
from web.realtime.lines.delivery import Delivery
from web.realtime.lines.line import Line
from web.realtime.lines.visits import Visits
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

L = TypeVar("L", bound=Line)


class ResumableSession(ABC, Generic[L]):
    """Joins the connections of one client, one after another, to a session.

    `newest` is the connection that came last, None if that was in another process, and `clock` the
    time of the session. What it remembers is `carried` if it moves; `unfinished` are the outputs
    that end what was in progress before it came here.
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
        self.carried = bridge.carried
        self.newest: L | None = None
        self.unfinished: tuple[Output, ...] = ()
        self._context = context
        self._record = record
        self.bridge = bridge
        self._tasks = asyncio.TaskGroup()
        cluster = context.cluster
        kept = None if cluster is None else partial(cluster.keep, record)
        self.delivery = Delivery(bridge.text_of, on_refusal=record.request_end, kept=kept)

    def begin(self, first: L | None) -> None:
        """Use `first` from the start; without one, the client comes back."""
        self.newest = first
        visits = Visits(self._record, self._context.clock, first, self.delivery, self._tell)
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
            self._visits.begun.set()
            record.live = None
            await failure_message(self._close(), f"closing session {record.id}")
            await self._context.end_session(record)
            seconds = self.clock.now()
            logger.info("session %s ended after %.1f s: %s", record.id, seconds, record.end_reason)

    async def _serve(self) -> None:
        async with self._tasks as tasks:
            tasks.create_task(self.delivery.run(self.bridge.outgoing), name="deliver")
            await self._open()
            failure = await failure_message(self._run(), f"session {self._record.id}")
            if failure is not None:
                await self.bridge.fail(failure)
            self._record.live = None  # no more connections, and no viewers
            await self._finish(failed=failure is not None)

    async def _open(self) -> None:
        """Send the first events."""
        await self.bridge.open()
        for output in self.unfinished:
            await self.bridge.emit(output)

    async def warn(self, message: str) -> None:
        """Tell the client of something that it must know, if it takes the service's events."""
        await self.bridge.report("eyeline.notice", {"level": "warning", "message": message})

    async def begun(self) -> None:
        """Wait until `run` takes connections."""
        await self._visits.begun.wait()

    async def move_away(self) -> None:
        """End here without a word: another process goes on with the session."""
        self._record.request_end("moved to another machine")
        await self._visits.close()

    @abstractmethod
    async def _run(self) -> None:
        """Run the session over its connections."""

    async def _finish(self, *, failed: bool) -> None:
        """End what waits for the session, and its events; `failed` if a stage failed."""
        await self.bridge.outgoing.close()

    async def _close(self) -> None:
        """Close what is open, however the session ended."""
        await self._visits.close()

    async def _tell(self, fields: dict[str, Any]) -> None:
        await self.bridge.report("eyeline.connection", fields)
