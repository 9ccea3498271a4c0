from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.events.hearing import Eagerness
from media.pipeline.hearing.patience import LIMITS, patience
from media.pipeline.hearing.turn_rules import PEEK

EAGERNESS = st.sampled_from(get_args(Eagerness))


@given(EAGERNESS, st.floats(0, 1), st.floats(0, 1))
def test_the_more_complete_the_words_the_shorter_the_silence(
    eagerness: Eagerness, a: float, b: float
) -> None:
    less, more = sorted([a, b])
    assert patience(more, eagerness) <= patience(less, eagerness)


@given(EAGERNESS)
def test_the_limits_are_those_of_the_eagerness(eagerness: Eagerness) -> None:
    shortest, longest = LIMITS[eagerness]
    assert patience(1.0, eagerness) == pytest.approx(shortest)
    assert patience(0.0, eagerness) == pytest.approx(longest)
    assert PEEK <= shortest < longest  # the words are not known before


@given(st.floats(0, 1))
def test_more_eager_means_never_later(complete: float) -> None:
    waits = [patience(complete, each) for each in ("low", "medium", "high")]
    assert waits == sorted(waits, reverse=True)
    assert patience(complete, "auto") == patience(complete, "medium")
