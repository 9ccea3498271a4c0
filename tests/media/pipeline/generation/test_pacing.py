from hypothesis import given
from hypothesis import strategies as st

from media.pipeline.generation.pacing import (
    CALM_CHUNKS,
    MEDIAN_OF,
    MIN_RATE,
    Pace,
    PaceTarget,
    initial_pace,
    lead_time,
    update_pace,
)

TARGET = PaceTarget(steps=3, min_steps=1, rate=16.0, chunk=4)


def after(pace: Pace, seconds: float, chunks: int, target: PaceTarget = TARGET) -> Pace:
    for _ in range(chunks):
        pace = update_pace(pace, target, seconds)
    return pace


def test_chunks_in_time_change_nothing() -> None:
    pace = after(initial_pace(TARGET), 0.2, 100)
    assert (pace.steps, pace.rate) == (3, 16.0)


def test_one_slow_chunk_changes_nothing() -> None:
    pace = after(initial_pace(TARGET), 0.1, 10)
    pace = after(update_pace(pace, TARGET, 5.0), 0.1, 10)
    assert (pace.steps, pace.rate) == (3, 16.0)


def test_steps_are_reduced_first_and_then_the_rate() -> None:
    pace = after(initial_pace(TARGET), 0.4, MEDIAN_OF)
    assert (pace.steps, pace.rate) == (2, 16.0)
    pace = after(pace, 0.4, MEDIAN_OF)
    assert (pace.steps, pace.rate) == (1, 16.0)
    pace = after(pace, 0.4, MEDIAN_OF)
    assert pace.steps == 1
    assert 4 / pace.rate > 0.4  # a chunk is shown for longer than it takes


def test_with_time_to_spare_the_rate_grows_first_and_then_the_steps() -> None:
    pace = Pace(steps=1, rate=8.0)
    seen: list[tuple[int, float]] = []
    for _ in range(20 * CALM_CHUNKS):
        pace = update_pace(pace, TARGET, 0.02)
        if not seen or seen[-1] != (pace.steps, pace.rate):
            seen.append((pace.steps, pace.rate))
    rates = [rate for _, rate in seen]
    assert rates == sorted(rates)
    assert [steps for steps, rate in seen if rate < 16.0] == [1] * (len(seen) - 3)
    assert seen[-1] == (3, 16.0)


def test_it_does_not_oscillate_if_one_more_step_would_not_fit() -> None:
    pace = after(initial_pace(TARGET), 0.3, MEDIAN_OF)
    steps = set()
    for _ in range(300):
        pace = update_pace(pace, TARGET, 0.1 * (pace.steps + 1))  # 2 steps would take 0.3 of 0.25 s
        steps.add(pace.steps)
    assert steps == {2, 1}
    assert pace.steps == 1
    assert pace.rate == 16.0


@given(costs=st.lists(st.floats(0, 100), max_size=200))
def test_the_pace_stays_within_its_target(costs: list[float]) -> None:
    pace = initial_pace(TARGET)
    for cost in costs:
        pace = update_pace(pace, TARGET, cost)
        assert TARGET.min_steps <= pace.steps <= TARGET.steps
        assert MIN_RATE <= pace.rate <= TARGET.rate
        assert 0 < lead_time(pace, TARGET.chunk) <= TARGET.chunk / pace.rate


def test_a_chunk_starts_early_enough_for_the_slowest_of_the_last_ones() -> None:
    pace = initial_pace(TARGET)
    assert lead_time(pace, 4) == 4 / TARGET.rate  # nothing is known yet
    for cost in (0.01, 0.05, 0.1, 0.15):
        pace = after(initial_pace(TARGET), cost, MEDIAN_OF)
        assert cost < lead_time(pace, 4) <= 1.25 * cost + 0.011
    slow = update_pace(pace, TARGET, 0.16)
    assert 0.16 < lead_time(slow, 4) <= 0.25
