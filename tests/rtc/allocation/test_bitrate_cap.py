"""The cap of the bitrate, in clients whose confidence depends on their bits."""

from collections.abc import Callable

import hypothesis.strategies as st
from hypothesis import given

from rtc.allocation.bitrate_cap import (
    LOWER_AFTER,
    START,
    SURE,
    TIERS,
    CapState,
    forget,
    hear,
    step,
)


def run(
    confidence: Callable[[int], float | None],
    *,
    seconds: int = 120,
    estimate: float | None = None,
    state: CapState | None = None,
    start: int = 0,
) -> list[CapState]:
    """Return the state at each second, with two analyses a second at the cap of that second."""
    state = state or CapState()
    states = []
    for second in range(start, start + seconds):
        for half in (0.0, 0.5):
            heard = confidence(state.cap)
            if heard is not None:
                state = hear(state, second + half, heard)
        state = step(state, second + 0.75, estimate=estimate)
        states.append(state)
    return states


def test_a_sure_answer_holds_the_bitrate() -> None:
    states = run(lambda cap: 0.9, seconds=int(LOWER_AFTER) - 1)
    assert {state.cap for state in states} == {START}
    assert states[-1].reason == "sure"


def test_an_unsure_answer_goes_to_the_lowest_tier_that_makes_it_sure() -> None:
    states = run(lambda cap: 0.85 if cap >= 1_710_000 else 0.6, seconds=19)
    assert [state.cap for state in states][-1] == 1_710_000
    assert {state.cap for state in states} == {START, 1_710_000}
    assert {state.reason for state in states if state.cap == START} == {"unknown"}
    assert {state.reason for state in states if state.cap != START} == {"unsure", "sure"}
    assert states[-1].reason == "sure"


def test_after_a_sure_while_lower_tiers_are_tried_and_the_lowest_that_is_sure_is_kept() -> None:
    states = run(lambda cap: 0.9 if cap >= 400_000 else 0.5, seconds=200)
    kept = [state.cap for state in states][-50:]
    assert kept.count(400_000) > 40  # and now and then 200,000 is tried again
    assert {state.cap for state in states} <= set(TIERS[:4])


def test_bits_that_do_not_help_are_not_spent() -> None:
    states = run(lambda cap: 0.5, seconds=100)
    caps = [state.cap for state in states]
    assert max(caps) == TIERS[-1]  # each was tried
    assert caps[30] == START  # and the lowest of those that were as good is kept
    assert states[30].reason == "saturated"


def test_the_network_comes_first() -> None:
    states = run(lambda cap: 0.3, seconds=30, estimate=350_000.0)
    assert {state.cap for state in states} == {350_000}
    assert states[-1].reason == "network"


def test_without_an_answer_the_bitrate_stays() -> None:
    states = run(lambda cap: None, seconds=60)
    assert {(state.cap, state.reason) for state in states} == {(START, "unknown")}


def test_a_new_question_is_not_judged_by_the_last_one() -> None:
    *_, state = run(lambda cap: 0.5, seconds=40)
    state = forget(state, 40.0)
    *_, after = run(lambda cap: 0.9 if cap >= 1_710_000 else 0.5, state=state, start=40, seconds=15)
    assert after.cap == 1_710_000


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 5), st.none() | st.floats(1e4, 5e6))),
    st.integers(100_000, 4_000_000),
)
def test_the_cap_is_never_above_its_limits(
    steps: list[tuple[float, float, float | None]], highest: int
) -> None:
    state, now = CapState(), 0.0
    for confidence, elapsed, estimate in steps:
        now += elapsed
        state = step(hear(state, now, confidence), now, estimate=estimate, highest=highest)
        assert state.cap <= highest
        assert estimate is None or state.cap <= estimate
        assert (state.reason == "sure") <= (state.confidence is None or state.confidence >= SURE)
