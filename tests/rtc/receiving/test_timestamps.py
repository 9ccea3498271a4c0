import itertools

from hypothesis import given
from hypothesis import strategies as st

from rtc.receiving.timestamps import ReorderedTimestamps


@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(-9000, 18_000), max_size=50))
def test_timestamps_are_extended_in_any_order(start: int, steps: list[int]) -> None:
    mapper = ReorderedTimestamps()
    assert mapper.map(start) == 0
    for position in itertools.accumulate(steps):
        assert mapper.map((start + position) % 2**32) == position
