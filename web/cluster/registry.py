"""The registry of a cluster: a directory in an actor, which Ray restarts if it ends.

A registry that starts again is empty, and learns everything from the next reports of the edges.
"""

from collections.abc import Mapping
from dataclasses import replace

from media.clock import monotonic
from web.cluster.directory import Directory, EdgeReport, Location, Reply, SharedSecret
from web.cluster.shared_access import AccessNews, AccessVersion


class Registry:
    """The methods are those of `Directory`, at the time of their call."""

    def __init__(self, timeout: float, patience: float) -> None:
        self._directory = Directory(timeout, patience)

    def report(
        self,
        edge: EdgeReport,
        sessions: Mapping[str, str | None] | None,
        access: AccessNews,
        seen: AccessVersion,
    ) -> Reply:
        return self._directory.report(edge, sessions, monotonic(), access, seen)

    def leave(self, edge: str) -> None:
        self._directory.leave(edge)

    def place(self, here: str) -> EdgeReport | None:
        return self._directory.place(here, monotonic())

    def add(self, session: str, edge: str) -> None:
        self._directory.add(session, edge)

    def remove(self, session: str, edge: str) -> None:
        self._directory.remove(session, edge)

    def release(self, session: str, edge: str) -> None:
        self._directory.release(session, edge, monotonic())

    def choose_keeper(self, session: str, edge: str, refused: frozenset[str]) -> str | None:
        return self._directory.choose_keeper(session, edge, refused)

    def locate(self, session: str) -> Location | None:
        return self._directory.locate(session, monotonic())

    def claim(self, session: str, edge: str) -> Location | None:
        return self._directory.claim(session, edge, monotonic())

    def share_secret(self, secret: SharedSecret, lifetime: float) -> None:
        now = monotonic()
        self._directory.share_secret(replace(secret, expires=now + lifetime), now)

    def secret(self, value: str) -> tuple[SharedSecret, float] | None:
        """Return a secret, and for how many seconds it is still valid."""
        now = monotonic()
        return _with_lifetime(self._directory.secret(value, now), now)

    def secret_of(self, owner: str) -> tuple[SharedSecret, float] | None:
        """Return the secret of `owner`, as `secret` does."""
        now = monotonic()
        return _with_lifetime(self._directory.secret_of(owner, now), now)


def _with_lifetime(found: SharedSecret | None, now: float) -> tuple[SharedSecret, float] | None:
    return None if found is None else (found, found.expires - now)
