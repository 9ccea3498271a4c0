import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.asr.whisper import tokenizer
from models.asr.whisper.loading import WhisperModel
from models.errors import WeightsError
from tests.models.asr.tiny import CONFIG


def test_muted_tokens_are_those_that_the_converted_model_lists(
    tiny_en: WhisperModel, weights_folder: Path
) -> None:
    listed = json.loads((weights_folder / "tiny.en" / "config.json").read_text())
    assert list(tiny_en.tokenizer.suppressed) == listed["suppress_ids"]
    assert list(tiny_en.tokenizer.blank) == listed["suppress_ids_begin"]


def test_words_keep_their_punctuation_and_their_space(tiny_en: WhisperModel) -> None:
    text = ' Hello, "quoted" world\'s end costs $5.00 (maybe)? Élan.'
    words = tiny_en.tokenizer.words(tiny_en.tokenizer.encode(text))
    assert [tiny_en.tokenizer.decode(word) for word in words] == [
        " Hello,", ' "quoted"', " world's", " end", " costs", " $5.00", " (maybe)?", " Élan.",
    ]  # fmt: skip


def test_the_core_of_a_word_has_no_closing_punctuation(tiny_en: WhisperModel) -> None:
    word = tiny_en.tokenizer.encode(" end...?")
    assert tiny_en.tokenizer.decode(word[: tiny_en.tokenizer.core_length(word)]) == " end"
    assert tiny_en.tokenizer.core_length(tiny_en.tokenizer.encode(".")) == 1


def test_the_name_of_a_special_token_is_plain_text(tiny_en: WhisperModel) -> None:
    tokens = tiny_en.tokenizer.encode("say <|endoftext|>")
    assert tiny_en.tokenizer.end not in tokens
    assert tiny_en.tokenizer.decode(tokens) == "say <|endoftext|>"


def test_special_tokens_and_times_have_no_text(tiny_en: WhisperModel) -> None:
    t = tiny_en.tokenizer
    assert t.decode([t.start, t.first_timestamp, *t.encode(" so"), t.end]) == " so"


def test_an_english_model_refuses_another_language(tiny_en: WhisperModel) -> None:
    assert tiny_en.tokenizer.opening("en", timestamps=True) == (50257,)
    with pytest.raises(ValueError, match="English only, not 'fr'"):
        tiny_en.tokenizer.opening("fr", timestamps=True)


def test_a_tokenizer_of_another_model_is_refused(weights_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="51864 tokens, not 60000"):
        tokenizer.load(
            weights_folder / "tiny.en" / "tokenizer.json", replace(CONFIG, vocabulary=60000)
        )
    with pytest.raises(WeightsError, match="is missing"):
        tokenizer.load(tmp_path / "tokenizer.json", CONFIG)
