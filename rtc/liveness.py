"""Is the peer still there? A pure state machine over the number of datagrams that came."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Liveness:
    """`heard` is when the `datagrams`-th came, as far as known; `seen` when we last looked."""

    heard: float
    seen: float
    datagrams: int = 0


def look(state: Liveness, now: float, datagrams: int, *, period: float) -> Liveness:
    """Take the number of datagrams so far at `now`; to be called every `period` seconds.

    When we look late ourselves, packets may still wait to be read: that is no silence.
    """
    late = now - state.seen > 2 * period
    heard = now if late or datagrams != state.datagrams else state.heard
    return Liveness(heard, now, datagrams)


def silence(state: Liveness) -> float:
    """Return for how many seconds nothing has come."""
    return state.seen - state.heard
