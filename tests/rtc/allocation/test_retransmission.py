"""The computed chance of a usable frame with retransmission, against a plain simulation."""

import pytest

from rtc.allocation.frame_chains import LossModel
from rtc.allocation.retransmission import retransmitted_chance
from tests.rtc.allocation.retransmission_simulation import arrivals, share_usable

INTERVAL = 0.5  # seconds
# The model is exact for packets that are repaired in time; a frame that fails three times costs it
# the time until a keyframe, which it takes from the round trip alone.
TOLERANCE = 0.025


@pytest.mark.parametrize("loss", [LossModel(0.03), LossModel(0.1), LossModel(0.1, 6.0)])
@pytest.mark.parametrize("round_trip", [0.1, 0.3])
@pytest.mark.parametrize("rate", [4.0, 12.0])
def test_the_chance_is_that_of_a_simulation(
    loss: LossModel, round_trip: float, rate: float
) -> None:
    packets = round(36 / rate)
    chance = retransmitted_chance(
        loss, packets=packets, rate=rate, interval=INTERVAL, round_trip=round_trip
    )
    frames = arrivals(loss, packets, rate, round_trip, count=6000, seed=3)
    assert chance == pytest.approx(share_usable(frames, INTERVAL, 10_000, seed=4), abs=TOLERANCE)


def test_at_the_same_bitrate_a_higher_rate_helps_because_its_oldest_frame_is_older() -> None:
    chances = [
        retransmitted_chance(
            LossModel(0.1), packets=40 // rate, rate=rate, interval=INTERVAL, round_trip=0.2
        )
        for rate in (2, 4, 5, 10, 20)
    ]
    assert chances == sorted(chances)
    assert chances[0] < 0.9 < 0.97 < chances[-1]


def test_no_frame_in_the_interval_is_no_chance() -> None:
    chance = retransmitted_chance(
        LossModel(0), packets=1, rate=1.0, interval=INTERVAL, round_trip=0.1
    )
    assert chance == 0
