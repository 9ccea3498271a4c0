"""Whether the client of a session is there: a pure state machine; times are the session's."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Attendance:
    """A client is away while it is silent or has no connection.

    `connected` means that it has a connection, silent or not. `away_since` is the time at which it
    was noticed to be away, None while it is there. `losses` counts how often that was, `returns`
    how often it came back.
    """

    connected: bool = True
    away_since: float | None = None
    losses: int = 0
    returns: int = 0


def arrived(state: Attendance) -> Attendance:
    """Return the state after the client connected, or was heard again."""
    returns = state.returns + (state.away_since is not None)
    return replace(state, connected=True, away_since=None, returns=returns)


def fell_silent(state: Attendance, now: float) -> Attendance:
    """Return the state after nothing came from the client for a while."""
    if state.away_since is not None:
        return state
    return replace(state, away_since=now, losses=state.losses + 1)


def disconnected(state: Attendance, now: float) -> Attendance:
    """Return the state after the connection broke."""
    return replace(fell_silent(state, now), connected=False)


def deadline(state: Attendance, patience: float) -> float | None:
    """Return when the session ends unless the client comes back; None while it is connected.

    A client that is away has `patience` seconds to come back.
    """
    if state.connected or state.away_since is None:
        return None
    return state.away_since + patience


def attendance_fields(state: Attendance, patience: float, now: float) -> dict[str, Any]:
    """Return the fields of a session's description; `ends_in` is None while the client is there."""
    away = state.away_since is not None
    ends_in = None if state.away_since is None else state.away_since + patience - now
    return {
        "client": "away" if away else "connected",
        "ends_in": None if ends_in is None else round(max(0.0, ends_in), 1),
        "losses": state.losses,
        "returns": state.returns,
    }
