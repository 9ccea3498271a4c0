import math
import random

import pytest

from rtc.congestion.loss import LossBound, LossObservation

PACKETS = 30


def observed(bitrates: list[float], capacity: float, share: float, seed: int = 1) -> LossBound:
    """Return what is found on a path of `capacity` that also loses a `share` at random."""
    rng, found = random.Random(seed), LossBound()
    for bitrate in bitrates:
        chance = share + (1 - share) * max(0.0, 1 - capacity / bitrate)
        lost = sum(rng.random() < chance for _ in range(PACKETS))
        found.add(LossObservation(bitrate, PACKETS, lost))
    return found


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_a_share_that_is_always_lost_is_no_bound(share: float, seed: int) -> None:
    bitrates = [300e3 * 1.05**step for step in range(20)]
    assert math.isinf(observed(bitrates, math.inf, share, seed).bound)


@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_path_is_found_by_losses_that_follow_the_bitrate(share: float, seed: int) -> None:
    bitrates = [300e3, 400e3, 500e3, 600e3] * 5
    assert 0.8 * 400e3 <= observed(bitrates, 400e3, share, seed).bound <= 1.3 * 400e3


def test_a_large_loss_that_may_be_either_counts_as_a_narrow_path() -> None:
    assert observed([600e3] * 10, 400e3, 0.0).bound <= 1.2 * 400e3


def test_an_outage_says_nothing_about_the_path() -> None:
    found = observed([500e3] * 10, math.inf, 0.0)
    for _ in range(5):
        found.add(LossObservation(500e3, PACKETS, PACKETS))
    assert math.isinf(found.bound)
