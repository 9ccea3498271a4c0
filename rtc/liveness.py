"""Is the peer still there? A pure state machine over the number of datagrams that came."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Liveness:
    """`heard` is when the `datagrams`-th came, as far as known; `seen` when we last looked."""

    last_arrival: float
    checked: float
    datagrams: int = 0


def update(state: Liveness, now: float, datagrams: int, *, late: bool) -> Liveness:
    """Take the number of datagrams so far at `now`.

    `late` says that we look much later than we meant to. Packets may then still wait to be
    read, so that is no silence.
    """
    heard = now if late or datagrams != state.datagrams else state.last_arrival
    return Liveness(heard, now, datagrams)


def silence(state: Liveness) -> float:
    """Return for how many seconds nothing has come."""
    return state.checked - state.last_arrival
