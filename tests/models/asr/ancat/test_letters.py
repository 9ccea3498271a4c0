import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.ancat.letters import SPACE, UNITS, to_text, to_units
from models.asr.ancat.transducer import BLANK


def test_a_sentence_is_spelt_without_case_and_marks_and_each_word_has_its_space() -> None:
    assert to_text(to_units('It isn’t "any" better — go!')) == " it isn't any better go"
    assert to_text(to_units("Black-and-white TV.")) == " black and white tv"
    assert to_units(" .,! ") == []


def test_blanks_say_nothing() -> None:
    assert to_text([BLANK, *to_units("hi"), BLANK]) == " hi"


@pytest.mark.parametrize("text", ["a 10 speed bicycle", "naïve", "50%"])
def test_text_that_cannot_be_spelt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="spell it in letters"):
        to_units(text)


@given(st.lists(st.text("abcxyz", min_size=1), max_size=6))
def test_words_come_back_as_they_went(words: list[str]) -> None:
    units = to_units(" ".join(words))
    assert to_text(units).split() == words
    assert units.count(SPACE) == len(words)
    assert max(units, default=0) < len(UNITS)
