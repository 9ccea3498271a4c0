from pathlib import Path

import pytest
import torch

from models.generation.wan.text_encoder import (
    MAX_TOKENS,
    UmT5Config,
    UmT5Encoder,
    WanTextEncoder,
    infer_config,
    normalize_text,
    position_buckets,
)
from tests.models.generation.wan import made as wan_made


@pytest.fixture(scope="module")
def text() -> WanTextEncoder:
    tokenizer = wan_made.tokenizer()
    tokenizer.enable_truncation(MAX_TOKENS)
    return WanTextEncoder(tokenizer, wan_made.text())


def test_a_prompt_has_512_tokens_of_which_those_after_its_end_are_zeros(
    text: WanTextEncoder,
) -> None:
    prompt = text.prompt("a duck on grass")
    length = len(text.tokenizer.encode("a duck on grass").ids)
    assert length == 5
    assert prompt.features.shape == (MAX_TOKENS, 24)
    assert (prompt.features[:length].abs().amax(1) > 0.1).all()
    assert not prompt.features[length:].any()
    assert not prompt.bias.any()


@pytest.mark.parametrize("words", ["", "duck " * 2000, "🦆🌱🚀", "\x00\ufffe", "鸭子在草地上"])
def test_whatever_is_written_becomes_a_prompt(text: WanTextEncoder, words: str) -> None:
    prompt = text.prompt(words)
    assert prompt.features.shape == (MAX_TOKENS, 24)
    assert prompt.features.isfinite().all()
    assert prompt.features[0].any()


def test_a_text_that_is_too_long_is_cut_and_still_ends(text: WanTextEncoder) -> None:
    numbers = text.tokenizer.encode("duck " * 2000).ids
    assert len(numbers) == MAX_TOKENS
    assert numbers[-1] == 1


def test_prompts_that_differ_by_spaces_and_quotes_only_are_the_same(text: WanTextEncoder) -> None:
    assert normalize_text("  a\n duck&amp;amp;s \t “nest” ") == 'a duck&s "nest"'
    assert normalize_text("e\u0301") == "é"
    one, two, other = (text.prompt(each) for each in ("a  duck\n", "a duck", "a duck on"))
    assert one.equals(two)
    assert not one.equals(other)


def test_the_published_encoder_fits_ours() -> None:
    with torch.device("meta"):
        encoder = UmT5Encoder(
            UmT5Config(
                vocabulary=256_384,
                dim=4096,
                attention=4096,
                heads=64,
                ffn=10_240,
                layers=24,
                buckets=32,
            )
        )
    state = encoder.state_dict()
    assert infer_config(state, Path("x")) == encoder.config
    assert len(state) == 242  # in umT5-XXL's encoder, by Wan's code
    assert sum(tensor.numel() for tensor in state.values()) == 5_680_910_336


def test_distances_share_buckets_the_further_they_are() -> None:
    found = position_buckets(torch.tensor([0, -1, -7, -8, -127, -5000, 1, 7, 8, 5000]), 32)
    assert found.tolist() == [0, 1, 7, 8, 15, 15, 17, 23, 24, 31]
