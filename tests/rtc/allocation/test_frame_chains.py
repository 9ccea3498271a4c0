"""The computed chance of a usable frame, against a plain simulation of packets and references."""

import pytest

from rtc.allocation.frame_chains import FrameChain, LossModel, usable_chance
from tests.rtc.allocation.frame_simulation import share_with_usable, usable_frames

INTERVAL = 0.5  # seconds
FRAMES = 30_000
# Three standard errors of a share over as many frames, which come in runs of some twenty.
TOLERANCE = 3 * 0.5 * (20 / FRAMES) ** 0.5


def simulated(loss: LossModel, chain: FrameChain, rate: float) -> float:
    return share_with_usable(usable_frames(loss, chain, rate, FRAMES, seed=7), rate, INTERVAL)


@pytest.mark.parametrize("loss", [LossModel(0.03), LossModel(0.1), LossModel(0.1, 4.0)])
@pytest.mark.parametrize(("layers", "copies"), [(1, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("rate", [6.0, 20.0])
def test_the_chance_is_that_of_a_simulation(
    loss: LossModel, layers: int, copies: int, rate: float
) -> None:
    chain = FrameChain(
        packets=2, repair_packets=8, repair_delay=0.2, layers=layers, base_copies=copies
    )
    chance = usable_chance(loss, chain, rate, INTERVAL)
    assert chance == pytest.approx(simulated(loss, chain, rate), abs=TOLERANCE)


def test_without_loss_every_frame_is_usable_and_with_it_layers_and_copies_help() -> None:
    def chances(loss: LossModel) -> list[float]:
        chain = {"packets": 3, "repair_packets": 9}
        return [
            usable_chance(
                loss,
                FrameChain(**chain, repair_delay=0.2, layers=layers, base_copies=copies),
                rate=15,
                interval=INTERVAL,
            )
            for layers, copies in ((1, 1), (3, 1), (3, 2))
        ]

    assert chances(LossModel(0)) == pytest.approx([1, 1, 1])
    assert chances(LossModel(0.1)) == sorted(chances(LossModel(0.1)))


def test_an_interval_without_a_frame_has_none_that_is_usable() -> None:
    chain = FrameChain(packets=1, repair_packets=1, repair_delay=0)
    assert usable_chance(LossModel(0), chain, rate=1.9, interval=0.5) == 0
    assert usable_chance(LossModel(0), chain, rate=2.0, interval=0.5) == pytest.approx(1)


def test_what_is_no_loss_or_no_chain_is_refused() -> None:
    for loss, burst in ((-0.1, 1), (1.0, 1), (0.1, 0.5)):
        with pytest.raises(ValueError, match="expected"):
            LossModel(loss, burst)
    with pytest.raises(ValueError, match="layers"):
        FrameChain(packets=1, repair_packets=1, repair_delay=0, layers=2)
    with pytest.raises(ValueError, match="packets"):
        FrameChain(packets=0, repair_packets=1, repair_delay=0)
