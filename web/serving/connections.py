"""The open connections of the server: a limit of their number, and which one makes room.

A connection that waits for a request costs a stranger nothing to keep. When all are in use, the one
that has waited longest is closed for a new one, so that idle connections keep nobody out.
"""

import logging
import resource
from dataclasses import dataclass, field
from typing import Protocol

logger = logging.getLogger(__name__)

RESERVED_DESCRIPTORS = 256  # of models, the event loop, logs and libraries
SESSION_DESCRIPTORS = 24  # of one call; a recorded one was seen to use 9, with one network address
MIN_CONNECTIONS = 16


class Waiting(Protocol):
    """A connection on which no request is in progress."""

    def make_room(self) -> None:
        """Close the connection now."""


@dataclass(slots=True)
class Connections:
    """At most `limit` connections; those that wait for a request, longest first."""

    limit: int
    _waiting: dict[Waiting, None] = field(default_factory=dict)

    def admit(self, count: int) -> bool:
        """Return whether there is room for the newest of `count` connections, or make it."""
        if count <= self.limit:
            return True
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.set_waiting(oldest, waiting=False)
        oldest.make_room()
        return True

    def set_waiting(self, connection: Waiting, *, waiting: bool) -> None:
        """Note whether `connection` waits for a request."""
        if waiting:
            self._waiting.setdefault(connection)
        else:
            self._waiting.pop(connection, None)


def connection_limit(wanted: int, sessions: int) -> int:
    """Return how many connections the process has file descriptors for, at most `wanted`.

    Raises the process's limit of descriptors as far as it may.
    """
    needed = RESERVED_DESCRIPTORS + SESSION_DESCRIPTORS * sessions + wanted
    granted = _raised_limit(needed)
    if granted >= needed:
        return wanted
    limit = max(MIN_CONNECTIONS, wanted - (needed - granted))
    logger.warning(
        "%d file descriptors are too few for %d sessions and %d connections: at most %d "
        "connections are served; raise the limit (ulimit -n), or lower EYELINE_SESSIONS",
        granted,
        sessions,
        wanted,
        limit,
    )
    return limit


def _raised_limit(needed: int) -> int:
    """Return the process's limit of descriptors, raised to `needed` as far as it may be."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (needed if each == resource.RLIM_INFINITY else each for each in limits)
    wanted = min(hard, needed)
    if soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limits[1]))
    except (OSError, ValueError):  # macOS has a lower limit of its own
        return soft
    return wanted
