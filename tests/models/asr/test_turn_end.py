import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.turn_end import completeness, features, shipped_weights
from models.asr.words import RecognizedWord


def said(text: str, sure: float = 0.9) -> list[RecognizedWord]:
    return [RecognizedWord(f" {word}", 0, 1, sure) for word in text.split()]


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("What is on the table?", "What is on the"),
        ("Tell me when somebody comes.", "Tell me when"),
        ("I want to know the time.", "I want to"),
        ("Is there a cup?", "Is there a..."),
        ("It is red.", "It is red, and"),
    ],
)
def test_a_sentence_is_more_complete_than_its_beginning(whole: str, part: str) -> None:
    assert completeness(said(whole)) > 0.5 > completeness(said(part))


def test_a_word_that_was_cut_off_is_recognized_with_doubt_and_waited_for() -> None:
    assert completeness(said("Open the door.", 0.9)) > completeness(said("Open the door.", 0.2))


def test_nothing_recognized_is_nothing_complete() -> None:
    assert completeness([]) == 0.0


def test_marks_of_other_scripts_count() -> None:
    assert features("今日は。", 0.9) == features("konnichi wa.", 0.9)


@given(st.text(), st.floats(0, 1))
def test_any_text_has_a_probability(text: str, sure: float) -> None:
    assert 0 <= completeness(said(text, sure)) <= 1
    assert set(features(text, sure)) <= {"bias", "sure", "unfinished"} | {
        f"mark {mark}" for mark in ("...", ".", "?", "!", ",", "-", "none")
    }


def test_the_shipped_weights_are_of_these_features() -> None:
    known = {"bias", "sure", "unfinished", "mark none", "mark .", "mark ?"}
    assert known <= set(shipped_weights())
