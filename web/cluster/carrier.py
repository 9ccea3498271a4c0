"""Has another machine keep what a session of this one needs to go on there."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from media.worker import Worker
from web.cluster.actors import Keepers
from web.cluster.errors import ClusterError
from web.cluster.membership import Membership
from web.cluster.mirror import FileMark, changes, file_marks
from web.cluster.transfer import send_files
from web.realtime.carrying import EVENT, carried_values, encoded
from web.realtime.resumable_session import ResumableSession
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

NEWEST = 16  # captions, moments and events that are looked at before an event is sent


class Carrier:
    """The checkpoints of the session `record`, whose memory is in `folder`."""

    def __init__(
        self,
        record: SessionRecord,
        folder: Path,
        membership: Membership,
        keepers: Keepers,
        worker: Worker,
    ) -> None:
        self.record = record
        self._folder = folder
        self._membership = membership
        self._keepers = keepers
        self._worker = worker
        self._keeper: str | None = None  # the node that has what is known to be kept
        self._values: dict[str, object] = {}
        self._files: dict[str, FileMark] = {}
        self._refused: frozenset[str] = frozenset()
        self._keeping = asyncio.Lock()
        self._mirroring = asyncio.Lock()

    def has_event(self, number: int) -> bool:
        """Return whether the keeper has an event already: those that wait go with the first."""
        return self._keeper is not None and f"{EVENT}{number}" in self._values

    async def keep(self, newest: int | None = NEWEST) -> None:
        """Send the parts that have changed, of the captions, moments and events only the `newest`.

        If no keeper is there, nothing is kept for now.
        """
        session = self.record.live
        if isinstance(session, ResumableSession):
            async with self._keeping:
                await self._attempt(self._keep(session, newest))

    async def sync(self) -> None:
        """Send all that has changed, the memory included."""
        await self.keep(None)
        async with self._mirroring:
            if self._keeper is not None:
                await self._attempt(self._mirror(self._keeper))

    async def drop(self) -> None:
        """Let the keeper drop what it has: the session is over."""
        if self._keeper is not None:
            try:
                await self._keepers.on(self._keeper).call("drop", self.record.id)
            except ClusterError as error:
                logger.debug("session %s: %s", self.record.id, error)

    async def _attempt(self, work: Coroutine[None, None, None]) -> None:
        """Await `work`; if its keeper does not answer, another one begins with everything."""
        try:
            await work
        except (ClusterError, OSError) as error:
            logger.warning("session %s: not kept for now: %s", self.record.id, error)
            if self._keeper is not None:
                self._refused |= {self._keeper}
            self._keeper, self._values, self._files = None, {}, {}

    async def _keep(self, session: ResumableSession[Any], newest: int | None) -> None:
        first = self._keeper is None
        if first:
            self._keeper = await self._membership.choose_keeper(self.record.id, self._refused)
            newest = None
        if self._keeper is None:
            self._refused = frozenset()  # perhaps one is back
            return
        values = await carried_values(session, newest)
        changed = {
            name: encoded(name, value)
            for name, value in values.items()
            if _differs(self._values.get(name), value)
        }
        gone = self._values.keys() - values.keys() if newest is None else set()
        if changed or gone:
            await self._send(self._keeper, "keep", changed, list(gone), first)
        self._values = values if newest is None else {**self._values, **values}

    async def _mirror(self, keeper: str) -> None:
        files = await self._worker.run(file_marks, self._folder)
        pieces = changes(self._folder, self._files, files)
        to = self._keepers.on(keeper)
        await send_files(to, self.record.id, pieces, self._worker)
        self._files = files

    async def _send(self, node: str, method: str, *arguments: object) -> None:
        keeper = self._keepers.on(node)
        if not await keeper.call(method, self.record.id, *arguments):
            raise ClusterError(f"{keeper.about} has started anew")


def _differs(before: object, now: object) -> bool:
    """Return whether a part has changed: bytes if they differ, others if they are other objects."""
    return before != now if isinstance(now, bytes) else before is not now
