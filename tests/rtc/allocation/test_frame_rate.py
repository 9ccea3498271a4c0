"""The rule of the frame rate: as low as it can be, higher at once, lower after a while."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from rtc.allocation.frame_chains import FrameChain, LossModel
from rtc.allocation.frame_rate import (
    KEYFRAME,
    LOWER_AFTER,
    RATES,
    SMOOTHING,
    FrameRateRule,
    FrameRateState,
    LinkState,
    best_plan,
    step,
)
from tests.rtc.allocation.frame_simulation import share_with_usable, usable_frames
from tests.rtc.allocation.retransmission_simulation import arrivals, share_usable

RULE = FrameRateRule()
CHAIN = replace(RULE, retransmits=False, layered=False)


def packets(link: LinkState, rate: float) -> int:
    return max(1, -(-int(link.bitrate) // int(8 * 1200 * rate)))


def test_without_loss_a_frame_for_each_sample_is_enough() -> None:
    plan = best_plan(LinkState(bitrate=400_000), RULE)
    assert (plan.rate, plan.layers) == (2.0, 1)
    assert plan.chance == pytest.approx(1)


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.1])
def test_the_planned_rate_reaches_the_target_in_a_simulation_and_the_next_lower_does_not(
    loss: float,
) -> None:
    link = LinkState(loss=loss, round_trip=0.2, bitrate=300_000)
    plan = best_plan(link, RULE)

    def reached(rate: float) -> float:
        count = packets(link, rate)
        frames = arrivals(LossModel(loss), count, rate, link.round_trip, 10_000, seed=1)
        return share_usable(frames, RULE.interval, 20_000, seed=2)

    lower = RATES[RATES.index(plan.rate) - 1]
    assert reached(plan.rate) > RULE.target - 0.005  # the error of 20,000 moments
    assert reached(lower) < RULE.target + 0.005


def test_the_planned_rate_of_a_chain_without_retransmission_reaches_the_target() -> None:
    link = LinkState(loss=0.02, round_trip=0.1, bitrate=400_000)
    plan = best_plan(link, CHAIN)
    count = packets(link, plan.rate)
    chain = FrameChain(packets=count, repair_packets=KEYFRAME * count, repair_delay=0.1)
    usable = usable_frames(LossModel(0.02), chain, plan.rate, 60_000, seed=5)
    assert share_with_usable(usable, plan.rate, 0.5) > RULE.target - 0.005


@given(
    loss=st.floats(0, 0.5),
    burst=st.floats(1, 20),
    round_trip=st.floats(0, 1),
    bitrate=st.floats(0, 4e6),
)
@settings(max_examples=30)
def test_any_link_has_a_plan_within_the_rule(
    loss: float, burst: float, round_trip: float, bitrate: float
) -> None:
    link = LinkState(loss=loss, burst=burst, round_trip=round_trip, bitrate=bitrate)
    rule = replace(RULE, lowest=5, highest=25)
    plan = best_plan(link, rule)
    assert 5 <= plan.rate <= 25
    assert 0 <= plan.chance <= 1 + 1e-9


def test_where_requests_come_too_late_layers_are_used() -> None:
    link = LinkState(loss=0.01, round_trip=0.5, bitrate=400_000)
    assert best_plan(link, RULE).layers == 3
    assert best_plan(replace(link, round_trip=0.1), RULE).layers == 1
    assert best_plan(link, replace(RULE, layered=False)).layers == 1


def test_a_target_that_no_rate_reaches_wastes_no_frames() -> None:
    link = LinkState(loss=0.5, round_trip=0.5, bitrate=2_000_000)
    plan = best_plan(link, RULE)
    assert plan.chance < RULE.target
    highest = best_plan(link, replace(RULE, lowest=30))
    assert plan.chance >= highest.chance - 0.011


def test_the_rate_rises_with_loss_at_once_and_falls_when_it_has_been_gone_for_a_while() -> None:
    clear = LinkState(bitrate=400_000, round_trip=0.2)
    lossy = replace(clear, loss=0.1)
    state = FrameRateState(best_plan(clear, RULE), clear)
    rates = []
    for second in range(1, 61):
        state = step(state, float(second), lossy if second <= 20 else clear, RULE)
        rates.append(state.plan.rate)
    risen = best_plan(lossy, RULE).rate
    assert rates[0] > 2
    assert rates[19] == risen > rates[0]
    assert rates[:20] == sorted(rates[:20])
    assert rates[19 + int(LOWER_AFTER) - 1] == risen  # not yet
    assert rates[-1] == 2
    fallen = next(each for each, rate in enumerate(rates[20:], 1) if rate < risen)
    assert LOWER_AFTER <= fallen <= LOWER_AFTER + SMOOTHING + 1


def test_a_moment_of_less_loss_does_not_lower_the_rate() -> None:
    clear = LinkState(bitrate=400_000, round_trip=0.2)
    lossy = replace(clear, loss=0.1)
    state = FrameRateState(best_plan(lossy, RULE), lossy)
    for second in range(1, 40):
        state = step(state, float(second), clear if second % 8 == 0 else lossy, RULE)
        assert state.plan.rate >= 8
