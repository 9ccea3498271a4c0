"""This service as one edge of a cluster."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any
from weakref import WeakValueDictionary

from fastapi import FastAPI

from media.recording.layout import MEMORY_FOLDER
from media.worker import Worker
from web.access.auth import Caller, ClientSecret
from web.cluster.actors import Keepers
from web.cluster.carrier import Carrier
from web.cluster.errors import ClusterError
from web.cluster.membership import Membership
from web.cluster.models.pool import WorkerPool
from web.cluster.moving import end_here, fetched, hand_over
from web.cluster.proxy.http_proxy import HttpProxy
from web.cluster.proxy.owners import Owners
from web.cluster.proxy.secret_exchange import SecretExchange
from web.context import ServiceContext
from web.problems import ProblemError
from web.realtime.carrying import go_on
from web.realtime.resumable_session import ResumableSession
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

KEEP_INTERVAL = 0.5  # seconds between two looks at what has changed of a session
RETRY_AFTER = 2  # seconds
LEAVE_TIMEOUT = 1.5  # seconds to hand over all sessions


class Edge:
    """What the service does in a cluster beside serving its own sessions.

    Memories of its sessions are in `folder`; `worker` reads and writes them. What of its models
    others compute is computed by `workers`. `left` is set when it has left the cluster.
    """

    def __init__(
        self,
        context: ServiceContext,
        membership: Membership,
        folder: Path,
        worker: Worker,
        workers: WorkerPool | None = None,
    ) -> None:
        self.context = replace(context, cluster=self)
        self.membership = membership
        self.keepers = Keepers()
        self.proxy = HttpProxy()
        self.owners = Owners()
        self.secrets = SecretExchange(
            membership,
            context.doorkeeper.keys,
            context.clock,
            per_second=context.settings.cluster_lookups,
        )
        self.worker = worker
        self.workers = workers
        self.id = membership.id
        self.left = asyncio.Event()
        self._folder = folder
        self._leaving = False
        self._carriers: dict[str, Carrier] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        membership.on_moved = self._moved
        membership.on_new_registry = self._share_secrets

    async def run(self) -> None:
        """Have the sessions kept until cancelled."""
        clock = self.context.clock
        while True:
            async with asyncio.TaskGroup() as tasks:
                for carrier in list(self._carriers.values()):
                    tasks.create_task(carrier.sync(), name="keep a session")
            await clock.sleep_until(clock.now() + KEEP_INTERVAL)

    def memory_folder(self, record: SessionRecord) -> Path:
        """Return where the memory of a session is."""
        recordings = self.context.settings.recordings
        if recordings is not None:
            return recordings / record.stored_as / MEMORY_FOLDER
        return self._folder / record.id

    async def add(self, record: SessionRecord) -> None:
        """Let other edges know of a session that started here, or goes on here."""
        folder = self.memory_folder(record)
        self._carriers[record.id] = Carrier(
            record, folder, self.membership, self.keepers, self.worker
        )
        await self.membership.add(record.id)

    async def remove(self, record: SessionRecord) -> None:
        """Have nothing kept of a session that ended here, unless it goes on at another edge.

        Others find it here as long as its captions are kept.
        """
        carrier = self._carriers.pop(record.id, None)
        if carrier is not None:
            self.membership.keepers[record.id] = None
            await carrier.drop()
        if self.context.settings.recordings is None:
            await self.worker.run(rmtree, self.memory_folder(record), ignore_errors=True)

    async def keep(self, record: SessionRecord, event: int) -> bool:
        """Let another machine keep what a session needs to go on there, before `event` is sent.

        Return False if the session is not handed over, as it had not begun when this edge left: its
        client opens another one elsewhere.
        """
        carrier = self._carriers.get(record.id)
        if carrier is not None and not carrier.has_event(event):
            await carrier.keep()
        return carrier is not None or not self._leaving

    async def share_secret(self, secret: ClientSecret) -> None:
        """Let every edge accept `secret`."""
        await self.secrets.share(secret)

    async def learn_secret_of(self, owner: str) -> None:
        """Learn the client secret of `owner`, if another edge has created one."""
        await self.secrets.learn_of(owner)

    async def share_revoked(self) -> None:
        """Let other edges know at once of client secrets that were revoked here."""
        await self.membership.report()

    async def leave(self) -> None:
        """Let other edges go on with the sessions, and leave the cluster; none starts here."""
        self._leaving = True
        self.context.sessions.close()
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT), asyncio.TaskGroup() as tasks:
                for session, carrier in list(self._carriers.items()):
                    del self._carriers[session]
                    handing = hand_over(carrier, self.membership)
                    tasks.create_task(handing, name="hand over")
        except TimeoutError:
            logger.warning("some sessions go on elsewhere as they were last kept")
        await self.membership.leave()
        self.left.set()

    def description(self) -> Mapping[str, Any]:
        """Return what /health says of the cluster."""
        others = self.membership.others
        return {
            "edge": self.membership.id,
            "registry": self.membership.reachable,
            "edges": [self.membership.url, *(each.url for each in others)],
            **({} if self.workers is None else {"workers": self.workers.ready}),
        }

    async def url_of(self, session: str) -> str | None:
        """Return the URL of the edge that has `session`, None if it is this one, or none.

        A session whose edge is gone goes on here.

        Raises:
            ProblemError: nobody can say where it is at the moment.
        """
        if self.has(session):
            return None
        edges = {each.url for each in self.membership.others}
        if (known := self.owners.find(session, edges)) is not None:
            return known
        async with self._locks.setdefault(session, asyncio.Lock()):
            if self.has(session):
                return None
            asking = self.membership.locate if self._leaving else self.membership.claim
            location = await asking(session)
            if location is None and not self.membership.reachable:
                raise _unknown_where(session)
            if self._leaving and location is not None and location.url is None:
                raise _unknown_where(session)  # another edge takes it
            if location is None or location.url == self.membership.url:
                return None
            if location.url is None:
                await self._take(session, location.keeper)
            else:
                self.owners.note(session, location.url)
            return location.url

    async def wait_gone(self, session: str, url: str) -> None:
        """Wait while the registry names `url` for a session, whose edge cannot be reached."""
        self.owners.forget(session)
        clock = self.context.clock
        end = clock.now() + 2 * self.context.settings.cluster_timeout
        while clock.now() < end:
            location = await self.membership.locate(session)
            if location is None or location.url != url:
                return
            await clock.sleep_until(clock.now() + self.membership.interval)

    async def has_soon(self, session: str) -> bool:
        """Return whether `session` is here; one that is on its way here is waited for."""
        if (taking := self._locks.get(session)) is not None:
            async with taking:
                pass
        return self.has(session)

    async def place(self) -> str | None:
        """Return the URL of the edge for a new session, None if it is this one."""
        chosen = await self.membership.place()
        return None if chosen is None else chosen.url

    def has(self, session: str) -> bool:
        """Return whether `session` is at this edge, or was until it ended."""
        return self.context.sessions.find(session, Caller()) is not None

    async def _take(self, session: str, node: str | None) -> None:
        """Go on with a session that this edge has claimed, from what the keeper on `node` has."""
        clock = self.context.clock
        began = clock.now()
        try:
            checkpoint = None if node is None else await fetched(self, session, node)
        except (ClusterError, OSError) as error:
            logger.warning("session %s: its checkpoint cannot be read: %s", session, error)
            if any(each.node == node for each in self.membership.others):
                await self.membership.release(session)  # it is still there: the next request tries
                raise _unknown_where(session) from error
            checkpoint = None
        if checkpoint is None:
            logger.warning("session %s is lost with its edge: nothing of it was kept", session)
            await self.membership.remove(session)
            return
        parts, age = checkpoint
        record = await go_on(self.context, session, parts, age)
        text = "session %s goes on here, %.1f s after it was last kept; this took %.2f s"
        logger.info(text, record.id, age, clock.now() - began)

    def _share_secrets(self) -> None:
        """Let a registry that has started anew know the client secrets that are valid here."""
        self.context.tasks.create_task(self.secrets.share_all(), name="share secrets")

    def _moved(self, session: str) -> None:
        """End a session here that another edge has taken over."""
        self._carriers.pop(session, None)
        self.membership.keepers.pop(session, None)
        record = self.context.sessions.find(session, Caller())
        if record is not None and isinstance(record.live, ResumableSession):
            logger.warning("session %s goes on at an edge that could not reach this one", session)
            self.context.sessions.forget(record)
            self.context.tasks.create_task(end_here(record.live), name="end here")


def _unknown_where(session: str) -> ProblemError:
    return ProblemError(
        503,
        f"this machine cannot ask the others for session {session[:80]!r}: try again in "
        f"{RETRY_AFTER} s",
        code="cluster_unreachable",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def edge_of(service: FastAPI) -> Edge:
    """Return the edge that `service` is, once it has started."""
    edge = service.state.context.cluster
    assert isinstance(edge, Edge)
    return edge
