"""An edge's place in the cluster: its reports to the registry, and its questions to it."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from media.clock import Clock
from web.access.auth import Caller
from web.cluster.actors import ActorClient
from web.cluster.directory import EdgeReport, Location, Reply, SharedSecret
from web.cluster.errors import ClusterError
from web.cluster.shared_access import NOTHING, AccessNews, AccessVersion, SharedAccess
from web.sessions.registry import Sessions

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Membership:
    """This process as the edge `id`, which other edges reach at `url`.

    It reports itself every `interval` seconds. `keepers` has the node that keeps each session of
    this edge, ended ones included as long as their captions are kept. `on_moved` is called with a
    session that another edge has taken over, `on_new_registry` when the registry has started anew.
    `access` is what this process knows of the use of keys. While the registry is not there, new
    sessions start here, and nothing is known of others.
    """

    url: str
    node: str
    sessions: Sessions
    registry: ActorClient
    clock: Clock
    interval: float
    access: SharedAccess = field(default_factory=SharedAccess)
    on_new_registry: Callable[[], None] = lambda: None
    on_moved: Callable[[str], None] = lambda session: None
    id: str = field(default_factory=lambda: f"edge-{secrets.token_hex(4)}")
    keepers: dict[str, str | None] = field(default_factory=dict)
    others: tuple[EdgeReport, ...] = ()
    reachable: bool = True
    _told: dict[str, str | None] | None = None  # the sessions that the registry knows of
    _told_access: AccessVersion = NOTHING
    _seen_access: AccessVersion = NOTHING  # of the registry

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self.report()
            await self.clock.sleep_until(self.clock.now() + self.interval)

    async def report(self) -> None:
        """Report once; if the registry is not there, the next report tries again."""
        for session in [id for id in self.keepers if self.sessions.find(id, Caller()) is None]:
            await self.remove(session)
        sessions = dict(self.keepers)
        news = None if sessions == self._told else sessions
        access = self.access.news(self._told_access, own=True)
        reply = await self._ask("report", self.as_report(), news, access, self._seen_access)
        self._told = sessions if isinstance(reply, Reply) and reply.known else None
        if isinstance(reply, Reply):
            self.others = tuple(each for each in reply.edges if each.id != self.id)
            self._note_access(access.version, reply.access)
            for session in reply.moved:
                if session in self.keepers:  # it may have ended since
                    self.on_moved(session)

    def _note_access(self, told: AccessVersion, news: AccessNews) -> None:
        """Merge the registry's `news`; a registry that starts anew is told everything again."""
        self.access.merge(news)
        anew = news.version.source != self._seen_access.source
        self._told_access = NOTHING if anew else told
        self._seen_access = news.version
        if anew:
            self.on_new_registry()

    def as_report(self) -> EdgeReport:
        """Return what this edge says of itself."""
        live = self.sessions.capacity - self.sessions.free
        capacity, admitting = self.sessions.capacity, self.sessions.admitting
        return EdgeReport(self.id, self.url, self.node, live, capacity, admitting)

    async def place(self) -> EdgeReport | None:
        """Return the edge for a new session, None if that is this one."""
        chosen = await self._ask("place", self.id)
        return chosen if isinstance(chosen, EdgeReport) and chosen.id != self.id else None

    async def add(self, session: str, keeper: str | None = None) -> None:
        """Note a session of this edge."""
        self.keepers[session] = keeper
        await self._ask("add", session, self.id)

    async def remove(self, session: str) -> None:
        """Forget a session that is over."""
        self.keepers.pop(session, None)
        await self._ask("remove", session, self.id)

    async def release(self, session: str) -> None:
        """Let another edge take a session of this one."""
        self.keepers.pop(session, None)
        await self._ask("release", session, self.id)

    async def leave(self) -> None:
        """Leave the cluster."""
        await self._ask("leave", self.id)

    async def choose_keeper(self, session: str, refused: frozenset[str]) -> str | None:
        """Return the node that keeps a session's checkpoints from now on, None if there is none."""
        keeper: str | None = await self._ask("choose_keeper", session, self.id, refused)
        if session in self.keepers:
            self.keepers[session] = keeper
        return keeper

    async def locate(self, session: str) -> Location | None:
        """Return where a session is."""
        location: Location | None = await self._ask("locate", session)
        return location

    async def claim(self, session: str) -> Location | None:
        """Take a session that nobody has; return where it is, or was kept."""
        location: Location | None = await self._ask("claim", session, self.id)
        return location

    async def share_secret(self, secret: SharedSecret, lifetime: float) -> None:
        """Let every edge accept a client secret that was created here, for `lifetime` seconds."""
        await self._ask("share_secret", secret, lifetime)

    async def secret(self, value: str) -> Any:
        """Return the client secret that another edge has created, and its lifetime in seconds."""
        return await self._ask("secret", value)

    async def secret_of(self, owner: str) -> Any:
        """Return the client secret of `owner`, as `secret` does."""
        return await self._ask("secret_of", owner)

    async def _ask(self, method: str, *arguments: object) -> Any:
        """Return what the registry answers, None while it is not there."""
        try:
            answer = await self.registry.call(method, *arguments)
        except ClusterError as error:
            if self.reachable:
                logger.warning("this edge is on its own: %s", error)
            self.reachable = False
            return None
        if not self.reachable:
            logger.info("the registry is there again")
        self.reachable = True
        return answer
