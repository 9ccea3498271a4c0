import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc.congestion.throughput import WINDOW, Throughput


@given(packets=st.lists(st.tuples(st.integers(0, 64).map(lambda n: n / 256), st.integers(1, 1500))))
def test_the_rate_is_that_of_the_last_window(packets: list[tuple[float, int]]) -> None:
    throughput, time = Throughput(), 0.0
    seen: list[tuple[float, int]] = []
    for gap, size in packets:
        time += gap
        seen.append((time, size))
        throughput.add(size, time)
        known = time - seen[0][0]
        found = throughput.rate(time)
        if known < WINDOW / 2:
            assert found is None
        else:
            recent = sum(size for at, size in seen if at > time - WINDOW)
            assert found == pytest.approx(8 * recent / min(WINDOW, known))


def test_nothing_for_a_window_is_a_rate_of_nothing() -> None:
    throughput = Throughput()
    assert throughput.rate(1.0) is None
    throughput.add(1000, 1.0)
    assert throughput.rate(9.0) == 0
