from hypothesis import given
from hypothesis import strategies as st

from media.counters import LATEST, Counters
from media.delays import BOUNDS, Delays, Histogram

SECONDS = st.lists(st.floats(0, 100, allow_nan=False), max_size=20)


@given(SECONDS)
def test_each_value_is_counted_in_the_first_bound_that_it_does_not_exceed(
    values: list[float],
) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    cumulated = [sum(histogram.counts[: n + 1]) for n in range(len(histogram.counts))]
    assert cumulated == [*(sum(v <= bound for v in values) for bound in BOUNDS), len(values)]
    assert histogram.sum == sum(values)


@given(SECONDS, SECONDS)
def test_the_sum_of_two_sessions_counts_what_both_counted(
    one: list[float], two: list[float]
) -> None:
    total, together = Counters(), Counters()
    for values in (one, two):
        counters = Counters(turns=len(values), audio_seconds=2.0)
        for value in values:
            counters.delays.first_text.observe(value)
            together.delays.first_text.observe(value)
        counters.frame_followed(1.0, 1.5)
        total.add(counters)
    assert (total.turns, total.audio_seconds) == (len(one) + len(two), 4.0)
    assert total.delays.first_text.counts == together.delays.first_text.counts
    assert sum(total.delays.control_to_picture.counts) == 2
    assert all(getattr(total, name) is None for name in LATEST)


def test_delays_have_a_histogram_each() -> None:
    delays = Delays()
    delays.first_sound.observe(0.4)
    assert {name: sum(each.counts) for name, each in delays.items() if sum(each.counts)} == {
        "first_sound": 1
    }
