import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.pipeline.hearing.backchannels import (
    ALONE,
    early_looks,
    interrupts_early,
    is_backchannel,
)


@pytest.mark.parametrize(
    "text", ["", "Mm-hmm.", "Yes.", "yeah yeah", "Okay, right.", "Uh-huh", "I see.", "Hm?", "Uh..."]
)
def test_agreement_hesitation_and_noise_are_no_turn(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["No.", "Stop!", "Wait", "Okay stop", "What?", "Yes but why", "Louder", "Never mind."]
)
def test_what_asks_for_something_is_a_turn(text: str) -> None:
    assert not is_backchannel(text)


def test_a_hum_that_is_recognized_as_some_word_with_doubt_is_no_turn() -> None:
    assert is_backchannel("Hallelujah.", 0.2)
    assert not is_backchannel("Hallelujah.", 0.6)
    assert not is_backchannel("Stop", 0.2)  # too important to doubt


def test_speech_that_goes_on_interrupts_by_its_first_words_if_they_are_sure() -> None:
    assert interrupts_early("Can you", 0.9)
    assert interrupts_early("Wait", 0.2)
    assert not interrupts_early("Reel", 0.4)  # of "really"
    assert not interrupts_early("Yeah.", 0.9)
    assert not interrupts_early("", 1.0)
    assert [early_looks(each) for each in (0.3, 0.35, 0.49, 0.6)] == [0, 1, 1, 2]


@given(st.text())
def test_any_text_is_one_or_the_other(text: str) -> None:
    assert is_backchannel(text) in (True, False)
    assert not is_backchannel(f"{text} stop")


@given(st.lists(st.sampled_from(ALONE.split()), min_size=1, max_size=3), st.booleans())
def test_up_to_three_of_them_are_no_turn_either(words: list[str], loud: bool) -> None:
    text = ", ".join(words) + "."
    assert is_backchannel(text.upper() if loud else text)
