"""A plain simulation of frames whose lost packets are asked for again, at most three times."""

import bisect
import random

from rtc.allocation.frame_chains import LossModel
from tests.rtc.allocation.frame_simulation import LossyLink

REQUESTS = 3


def arrivals(
    loss: LossModel, packets: int, rate: float, round_trip: float, count: int, seed: int
) -> list[tuple[float, float, bool]]:
    """Return for each frame when it was captured, when all of it had come, and if it is a keyframe.

    A frame of which a packet was lost each time never comes; then the first frame for which the
    request can have arrived is a keyframe.
    """
    link, again = LossyLink(loss, seed), random.Random(seed + 1)
    frames: list[tuple[float, float, bool]] = []
    keyframe_at: float | None = 0.0
    for number in range(count):
        time = number / rate
        is_key = keyframe_at is not None and time >= keyframe_at - 1e-9
        if is_key:
            keyframe_at = None
        slowest = 0
        for _ in range(packets):
            tries = 0
            arrived = link.packet()
            while not arrived and tries < REQUESTS:
                tries += 1
                arrived = again.random() >= loss.loss
            slowest = max(slowest, tries if arrived else REQUESTS + 1)
        came = time + slowest * round_trip if slowest <= REQUESTS else float("inf")
        if slowest > REQUESTS and keyframe_at is None:
            keyframe_at = time + (REQUESTS + 1) * round_trip
        frames.append((time, came, is_key))
    return frames


def share_usable(
    frames: list[tuple[float, float, bool]], interval: float, moments: int, seed: int
) -> float:
    """Return in which share of random moments a frame of the last `interval` seconds is usable."""
    ready: list[float] = []  # when each frame can be decoded: it and all that it needs have come
    for _, came, is_key in frames:
        ready.append(came if is_key or not ready else max(came, ready[-1]))
    drawn = random.Random(seed)
    times = [time for time, _, _ in frames]
    usable = 0
    for _ in range(moments):
        now = drawn.uniform(10 * interval, times[-1])
        first, last = bisect.bisect_right(times, now - interval), bisect.bisect_right(times, now)
        usable += any(ready[each] <= now for each in range(first, last))
    return usable / moments
