import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generation.small.prompts.nearest import (
    MAX_NEAREST,
    edits,
    is_place,
    is_thing,
    nearest_backgrounds,
    nearest_things,
)
from tests.models.generation.small.worlds import LARGER, SMALL

WORDS = st.text("abcde", max_size=7)


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("cat", "tiger"),  # by meaning, although "car" is nearer by letters
        ("horse", "zebra"),
        ("donkeys", "zebra"),
        ("golden retriever", "tiger"),
        ("truck", "car"),
        ("swan", "duck"),
        ("elefant", "elephant"),
        ("pengiun", "penguin"),
        ("duk", "duck"),
    ],
)
def test_a_thing_is_nearest_to_its_relatives_or_to_what_it_is_a_misspelling_of(
    word: str, first: str
) -> None:
    assert nearest_things(word, SMALL)[0] == first


@pytest.mark.parametrize(
    ("word", "first"), [("sand", "gravel"), ("beach", "reeds by the sea"), ("gras", "grass")]
)
def test_a_background_has_a_nearest_one(word: str, first: str) -> None:
    assert nearest_backgrounds(word, SMALL)[0] == first


def test_what_has_nothing_near_has_nothing() -> None:
    assert nearest_things("xyzzy", SMALL) == ()
    assert nearest_things("person", SMALL) == ()
    assert nearest_things("king", LARGER)[0] == "astronaut"


def test_things_are_told_from_places() -> None:
    words = ("two dogs", "wolves", "the sandy beach", "volcano")
    assert [is_thing(word) for word in words] == [True, True, False, False]
    assert [is_place(word) for word in words] == [False, False, True, True]


@given(st.text(max_size=12))
def test_there_are_never_many(word: str) -> None:
    for near in (nearest_things(word, LARGER), nearest_backgrounds(word, LARGER)):
        assert len(near) == len(set(near)) <= MAX_NEAREST


@given(WORDS, WORDS)
def test_edits_count_what_it_takes_and_no_less(one: str, other: str) -> None:
    count = edits(one, other)
    assert count == edits(other, one)
    assert (count == 0) == (one == other)
    assert abs(len(one) - len(other)) <= count <= max(len(one), len(other))


@given(st.text("abcde", min_size=2, max_size=8), st.integers(0, 6))
def test_letters_in_the_wrong_order_are_one_edit(word: str, place: int) -> None:
    at = min(place, len(word) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    assert edits(word, swapped) == (word != swapped)
