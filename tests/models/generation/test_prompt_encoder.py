import pytest
import torch

from models.generation.prompt_encoder import MAX_WORDS, blend, split_words
from tests.models.generation import tiny


def test_case_and_punctuation_say_nothing() -> None:
    words = tiny.words()
    assert words.prompt("A duck, on grass!").equals(words.prompt("a duck on grass"))
    assert not words.prompt("grass on a duck").equals(words.prompt("a duck on grass"))


@pytest.mark.parametrize("text", ["", "   ", "🦆🦆🦆", "\x00", "鴨"])
def test_a_prompt_without_a_known_word_is_the_empty_prompt(text: str) -> None:
    words = tiny.words()
    assert words.prompt(text).equals(words.prompt(""))
    assert words.prompt(text).features.isfinite().all()


def test_unknown_words_are_skipped_and_reported() -> None:
    words = tiny.words()
    assert words.unknown("A purple duck on lava") == ["purple", "lava"]
    assert words.prompt("a purple duck").equals(words.prompt("a duck"))


def test_a_prompt_of_ten_thousand_letters_is_read_as_far_as_it_is_read() -> None:
    prompt = tiny.words().prompt("a duck " * 1500)
    assert len(prompt.features) == MAX_WORDS
    assert split_words("don't STOP") == ["don", "t", "stop"]


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -0.5], [float("nan")], [float("inf")]])
def test_weights_that_blend_nothing_are_refused(weights: list[float]) -> None:
    prompt = tiny.words().prompt("a duck")
    with pytest.raises(ValueError, match="weights"):
        blend([(prompt, weight) for weight in weights])


def test_a_blend_holds_the_words_of_all_with_their_share() -> None:
    words = tiny.words()
    mixed = blend([(words.prompt("a duck"), 3.0), (words.prompt("a car"), 1.0)])
    assert torch.allclose(mixed.bias.exp(), torch.tensor([0.75, 0.75, 0.25, 0.25]))
