"""The chance of a usable frame if lost packets are sent again, once a round trip.

A frame in a chain is usable at a moment if it and all before it have arrived by then, whatever
number of times that took. The older a frame is, the more times its packets can have been asked for:
so the oldest frame that is still new enough decides, and a higher frame rate makes it older.
"""

import math

import numpy as np

from rtc.allocation.frame_chains import LossModel, Matrix
from rtc.receiving.retransmission import MAX_REQUESTS

HORIZON = MAX_REQUESTS + 1  # round trips after which a keyframe repairs what requests did not
OFFSETS = 8  # moments within the time of a frame over which the chance is averaged


def retransmitted_chance(
    loss: LossModel, *, packets: int, rate: float, interval: float, round_trip: float
) -> float:
    """Return the chance that one of the frames of `interval` seconds is usable at its end.

    Frames of `packets` packets each need the one before; `rate` is in frames per second. Packets
    that are sent again are lost independently of each other.
    """
    count = math.floor(rate * interval + 1e-9)
    if count < 1:
        return 0.0
    horizon = HORIZON * round_trip
    chances = []
    for offset in (np.arange(OFFSETS) + 0.5) / OFFSETS:
        oldest = interval - offset / rate  # age of the oldest frame that is new enough
        older = math.floor(max(0.0, horizon - oldest) * rate)
        ages = oldest + np.arange(older, -1, -1) / rate
        chances.append(_all_arrived(loss, packets, ages, round_trip))
    return float(np.mean(chances))


def _all_arrived(loss: LossModel, packets: int, ages: Matrix, round_trip: float) -> float:
    """Return the chance that all frames of these ages, in seconds, have arrived by now."""
    step = loss.transitions
    state = np.array([1 - loss.loss, loss.loss])
    requests = np.minimum(ages / max(round_trip, 1e-3) + 1e-9, MAX_REQUESTS).astype(int)
    arriving = {
        each: np.linalg.matrix_power(step * np.array([1.0, 1 - loss.loss**each]), packets)
        for each in set(requests.tolist())
    }
    for each in requests.tolist():
        state = state @ arriving[each]
    return float(state.sum())
