"""Whether a peer is still connected: a pure state machine over the number of its datagrams."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Liveness:
    """`last_arrival`: when a datagram last arrived, as far as known at time `checked`."""

    last_arrival: float
    checked: float
    datagrams: int = 0


def update(state: Liveness, now: float, datagrams: int, *, late: bool) -> Liveness:
    """Return the state at `now`, after `datagrams` datagrams so far.

    `late` means that this check runs much later than planned. Packets may then be waiting to be
    read, so it does not count as silence.
    """
    last_arrival = now if late or datagrams != state.datagrams else state.last_arrival
    return Liveness(last_arrival, now, datagrams)


def silence(state: Liveness) -> float:
    """Return the seconds since the last datagram."""
    return state.checked - state.last_arrival


def check_due(state: Liveness, last_check: float, interval: float) -> bool:
    """Return whether the peer must be asked for a sign of life; the last time was `last_check`.

    A peer that is silent for `interval` seconds is asked each time, so that it is taken for lost
    only if many packets are.
    """
    return max(silence(state), state.checked - last_check) >= interval
