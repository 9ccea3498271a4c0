"""What the registry of a cluster knows: edges, their sessions, and the client secrets.

Pure: times are arguments, in seconds of one clock. An edge is a process that serves clients. It
reports itself again and again, and counts as gone when it has not for `timeout` seconds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from web.access.keys.kept_secrets import within_limits
from web.cluster.shared_access import NOTHING, AccessNews, AccessVersion, SharedAccess


@dataclass(frozen=True, slots=True)
class EdgeReport:
    """What an edge says of itself.

    `id` is new for each process, `url` is where other edges reach it, `node` the machine. It has
    `live` sessions of at most `capacity`; an edge that is not `admitting` takes no new ones.
    """

    id: str
    url: str
    node: str
    live: int
    capacity: int
    admitting: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a report.

    An edge that is not `known` sends its sessions again. `moved` are sessions that it reported and
    that another edge has taken over. `edges` are all that are there, `access` is news about keys.
    """

    known: bool
    moved: tuple[str, ...]
    edges: tuple[EdgeReport, ...]
    access: AccessNews


@dataclass(frozen=True, slots=True)
class Location:
    """Where a session is: at the edge `url`, or, if that is None, with the keeper on `keeper`."""

    url: str | None
    keeper: str | None


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A client secret as any edge may need it; `expires` is on the directory's clock.

    `key` is the digest of the key that made it: edges have the same file of keys.
    """

    value: str
    owner: str
    configuration: str
    expires: float
    key: bytes | None = None
    scopes: tuple[str, ...] = ()
    watches: str | None = None


@dataclass(slots=True)
class _Edge:
    report: EdgeReport
    seen: float
    started: int = 0  # sessions since its last report
    placed: list[float] = field(default_factory=list)  # when sessions were sent that are not there


@dataclass(slots=True)
class _Session:
    edge: str | None  # None: nobody has it, it waits for an edge that takes it
    keeper: str | None = None  # node that keeps its checkpoints
    free_since: float = 0.0


@dataclass(slots=True)
class Directory:
    """All edges and sessions; sessions that nobody has are forgotten after `patience` seconds."""

    timeout: float
    patience: float
    _edges: dict[str, _Edge] = field(default_factory=dict)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _secrets: dict[str, SharedSecret] = field(default_factory=dict)
    _access: SharedAccess = field(default_factory=SharedAccess)

    def report(
        self,
        edge: EdgeReport,
        sessions: Mapping[str, str | None] | None,
        now: float,
        access: AccessNews | None = None,
        seen: AccessVersion = NOTHING,
    ) -> Reply:
        """Note that `edge` is there and has `sessions`, with the keeper of each; None: as before.

        `access` is its news about keys, `seen` the version of the directory's that it has.
        So a directory that starts anew learns everything within a second. A session stays with the
        edge that took it: another that was cut off meanwhile is told that it has moved.
        """
        known = edge.id in self._edges or sessions is not None
        sessions = sessions or {}
        placed = self._edges[edge.id].placed if edge.id in self._edges else []
        self._edges[edge.id] = _Edge(edge, now, placed=placed)
        for id, keeper in sessions.items():
            found = self._sessions.get(id)
            if found is None or found.edge is None:
                self._sessions[id] = _Session(edge.id, keeper)
        moved = tuple(id for id in sessions if self._sessions[id].edge != edge.id)
        if access is not None:
            self._access.merge(access)
            self._forget(access.revoked)
        return Reply(known, moved, self.edges(now), self._access.news(seen))

    def _forget(self, revoked: Iterable[str]) -> None:
        """Forget revoked client secrets: of their names only the newest are kept."""
        if owners := frozenset(revoked):
            kept = {key: each for key, each in self._secrets.items() if each.owner not in owners}
            self._secrets = kept

    def leave(self, edge: str) -> None:
        """Forget an edge that ends in order: what it still has goes with it."""
        self._edges.pop(edge, None)
        for id in [id for id, each in self._sessions.items() if each.edge == edge]:
            del self._sessions[id]

    def edges(self, now: float) -> tuple[EdgeReport, ...]:
        """Return the edges that are there."""
        self._expire(now)
        return tuple(each.report for each in self._edges.values())

    def place(self, here: str, now: float) -> EdgeReport | None:
        """Return the edge for a new session that arrived at `here`; None if all are full.

        It is the one with the largest free part of its capacity, `here` if that is as free.
        """
        self._expire(now)
        free = {id: _free(each) for id, each in self._edges.items() if _free(each) > 0}
        if not free:
            return None
        best = max(free, key=lambda id: (free[id], id == here))
        self._edges[best].placed.append(now)
        return self._edges[best].report

    def add(self, session: str, edge: str) -> None:
        """Note that `edge` has a new session."""
        self._sessions[session] = _Session(edge)
        if (found := self._edges.get(edge)) is not None:
            found.started += 1
            del found.placed[:1]

    def remove(self, session: str, edge: str) -> None:
        """Forget a session of `edge`, which is over there."""
        found = self._sessions.get(session)
        if found is not None and found.edge == edge:
            del self._sessions[session]

    def release(self, session: str, edge: str, now: float) -> None:
        """Let another edge take a session of `edge`."""
        found = self._sessions.get(session)
        if found is not None and found.edge == edge:
            found.edge, found.free_since = None, now

    def choose_keeper(self, session: str, edge: str, refused: frozenset[str]) -> str | None:
        """Return the node that keeps the checkpoints of a session: another one than its edge's.

        The one with the fewest is chosen, `refused` ones are not. If there is no other node, it is
        the edge's own: what it keeps outlives the edge's process.
        """
        found, own = self._sessions.get(session), self._edges.get(edge)
        if found is None or own is None or found.edge != edge:
            return None
        nodes = {each.report.node for each in self._edges.values()} - refused
        kept = Counter(each.keeper for each in self._sessions.values())
        others = sorted(nodes - {own.report.node}, key=lambda node: (kept[node], node))
        found.keeper = others[0] if others else own.report.node if nodes else None
        return found.keeper

    def locate(self, session: str, now: float) -> Location | None:
        """Return where a session is, None if there is none."""
        self._expire(now)
        found = self._sessions.get(session)
        if found is None:
            return None
        if found.edge is None:
            return Location(None, found.keeper)
        return Location(self._edges[found.edge].report.url, found.keeper)

    def claim(self, session: str, edge: str, now: float) -> Location | None:
        """Give a session that nobody has to `edge`, and return where it was kept.

        Return its location if another edge has it, None if there is no such session.
        """
        location = self.locate(session, now)
        if location is not None and location.url is None and edge in self._edges:
            self._sessions[session].edge = edge
        return location

    def share_secret(self, secret: SharedSecret, now: float) -> None:
        """Keep a client secret until it expires; of too many, the oldest leaves."""
        alive = {value: each for value, each in self._secrets.items() if each.expires > now}
        alive[secret.value] = secret
        self._secrets = within_limits(alive)

    def secret(self, value: str, now: float) -> SharedSecret | None:
        """Return the client secret `value`, unless it was revoked, has expired or never shared."""
        return self._valid(self._secrets.get(value), now)

    def secret_of(self, owner: str, now: float) -> SharedSecret | None:
        """Return the client secret of `owner`, as `secret` does."""
        found = next((each for each in self._secrets.values() if each.owner == owner), None)
        return self._valid(found, now)

    def _valid(self, secret: SharedSecret | None, now: float) -> SharedSecret | None:
        if secret is None or secret.expires <= now or secret.owner in self._access.revoked:
            return None
        return secret

    def _expire(self, now: float) -> None:
        """Forget edges that are gone, and sessions that nobody took for too long.

        Also those that were sent to an edge and did not arrive.
        """
        for edge in self._edges.values():
            edge.placed = [each for each in edge.placed if now - each <= self.timeout]
        for id in [id for id, each in self._edges.items() if now - each.seen > self.timeout]:
            gone = self._edges.pop(id)
            for session in self._sessions.values():
                if session.edge == id:
                    session.edge, session.free_since = None, gone.seen
        for id in [
            id
            for id, each in self._sessions.items()
            if each.edge is None and now - each.free_since > self.patience
        ]:
            del self._sessions[id]


def _free(edge: _Edge) -> float:
    """Return the free part of the capacity of an edge, 0 if it takes no session."""
    report = edge.report
    if not report.admitting:
        return 0.0
    live = report.live + edge.started + len(edge.placed)
    return max(0.0, 1 - live / report.capacity)
