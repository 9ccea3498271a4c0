from pathlib import Path

import numpy as np
import pytest
import torch

from models.generation.codec.codec import Codec, CodecConfig
from models.generation.codec.enlarging import EnlargerConfig
from models.generation.small.enlarger_file import load_enlarger
from models.training.video.enlarging_pairs import EnlargingPairs, PairRecipe, fill, read
from models.training.video.train_enlarger import (
    EnlargerRecipe,
    EnlargerRun,
    batch_of,
    decibels,
    train,
)
from tests.models.training.video import drawn

PAIRS = PairRecipe(size=32, crop=16, latents=2)
CONFIG = EnlargerConfig(channels=8, blocks=1, kept=2)
RECIPE = EnlargerRecipe(steps=20, clips=2, crop=12, warmup=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    codec = Codec(CodecConfig(channels=8, wide=8, fine=8, finest=8, deep=1)).eval()
    made = tmp_path_factory.mktemp("pairs")
    fill(made, drawn.pictures(), PAIRS, range(3), codec)
    return made


@pytest.mark.slow
def test_crops_show_the_same_place_at_both_sizes(folder: Path) -> None:
    pairs = read([folder])
    assert pairs.small.shape == (3, 4, 16, 16, 3)
    assert pairs.large.shape == (3, 4, 48, 48, 3)
    places = np.arange(3 * 4 * 16 * 16).reshape(3, 4, 16, 16, 1) % 251
    marked = np.repeat(places, 3, 4).astype(np.uint8)
    same = EnlargingPairs(marked, marked.repeat(3, 2).repeat(3, 3))
    small, large = batch_of(same, RECIPE, 3, 5)
    assert torch.equal(small.repeat_interleave(3, 3).repeat_interleave(3, 4), large)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(folder: Path, tmp_path: Path) -> None:
    pairs = read([folder])
    whole = EnlargerRun(tmp_path / "whole", RECIPE, CONFIG)
    before = decibels(whole.enlarger, pairs, 1)
    train(whole, pairs, [pairs], minutes=5)
    first = EnlargerRun(tmp_path / "parts", RECIPE, CONFIG)
    for _ in range(8):
        first.advance(pairs)
    first.save([])
    second = EnlargerRun(tmp_path / "parts", RECIPE, CONFIG)
    train(second, pairs, [], minutes=5)
    for one, two in zip(whole.smooth.parameters(), second.smooth.parameters(), strict=True):
        assert torch.equal(one, two)
    saved = load_enlarger(tmp_path / "whole" / "enlarger.safetensors")
    assert decibels(saved, pairs, 1) == pytest.approx(decibels(whole.smooth, pairs, 1), abs=0.1)
    assert decibels(saved, pairs, 1) > before
