"""The statistics of a session, and whether it keeps up with its client, as its client gets them."""

import logging
from collections.abc import Awaitable, Callable
from typing import Literal, Never

from media.clock import Clock
from media.counters import Counters
from rtc.network import NetworkState

CALM = 5.0  # seconds without lost sound or skipped captions after which a session keeps up again

logger = logging.getLogger(__name__)

State = Literal["live", "behind"]
NetworkStats = Callable[[], Awaitable[NetworkState | None]]


class Punctuality:
    """Whether a session keeps up: neither captions nor looks are late, and no caption is left out.

    It is behind from a delay of `late` seconds on, until delays are half as long.
    """

    def __init__(self, late: float) -> None:
        self.state: State = "live"
        self._late = late
        self._left_out = 0.0
        self._lost_at = -CALM

    def update(self, counters: Counters, now: float) -> bool:
        """Note the state at `now`, in seconds; return whether the client must be told."""
        before = self.state
        left_out = counters.unheard + counters.skipped_captions
        if left_out > self._left_out:
            self._left_out, self._lost_at = left_out, now
        allowed = self._late if before == "live" else self._late / 2
        delayed = max(counters.caption_delay, counters.look_delay) > allowed
        self.state = "behind" if delayed or now < self._lost_at + CALM else "live"
        return self.state == "behind" or self.state != before


async def report_stats(
    session: str,
    counters: Counters,
    clock: Clock,
    network_stats: NetworkStats,
    *,
    late: float,
    wanted: Callable[[], bool],
    send: Callable[[str, dict[str, object]], Awaitable[None]],
) -> Never:
    """Send the statistics of `session` every second if they are `wanted`, and its delays."""
    punctuality = Punctuality(late)
    while True:
        await clock.sleep_until(int(clock.now()) + 1)
        before = punctuality.state
        told = punctuality.update(counters, clock.now())
        delay = delay_fields(punctuality.state, counters)
        if punctuality.state != before:
            logger.warning("session %s: %s", session, delay["message"])
        if wanted():
            network = await network_stats()
            seconds = round(clock.now(), 3)
            await send("eyeline.stats", stats_fields(network, counters, seconds, punctuality.state))
            if told:
                await send("eyeline.delay", delay)


def delay_fields(state: State, counters: Counters) -> dict[str, object]:
    """Return the fields of `eyeline.delay`; `message` is for the user."""
    return {
        "state": state,
        "caption_delay": round(counters.caption_delay, 1),
        "look_delay": round(counters.look_delay, 1),
        "unheard": round(counters.unheard, 1),
        "skipped_looks": counters.skipped_looks,
        "skipped_captions": counters.skipped_captions,
        "message": delay_message(state, counters),
    }


def delay_message(state: State, counters: Counters) -> str:
    if state == "live":
        return "captions and video analysis keep up again"
    parts = [
        f"{what} {delay:.0f} s late"
        for what, delay in (
            ("captions are", counters.caption_delay),
            ("video analysis is", counters.look_delay),
        )
        if delay >= 1
    ]
    if counters.skipped_captions:
        parts.append(f"{counters.skipped_captions} interim captions were skipped")
    if counters.unheard:
        parts.append(f"{counters.unheard:.0f} s of sound were not heard")
    reason = ", ".join(parts) or "captions and video analysis were late"
    return f"{reason}: the server does not keep up"


def stats_fields(
    network: NetworkState | None, counters: Counters, seconds: float, state: State
) -> dict[str, object]:
    """Return the fields of `eyeline.stats` in seconds, shares and bit/s; None is unknown."""
    return {
        "state": state,
        "fps_in": network and network.frame_rate_in,
        "fps_out": network and network.frame_rate_out,
        "round_trip": network and network.round_trip,
        "loss": network and network.loss,
        "jitter": network and network.jitter,
        "bitrate_in": network and network.bitrate_in,
        "bitrate_out": network and network.bitrate_out,
        "caption_lag": counters.caption_lag,
        "dropped_frames": counters.dropped_frames,
        "dropped_audio": counters.dropped_audio,
        "seconds": seconds,
    }
