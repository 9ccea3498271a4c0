from pathlib import Path

import pytest
import torch

from models.generation.codec.codec import CodecConfig
from models.generation.small.loading import load_codec
from models.training.video.train_codec import CodecRecipe, CodecRun, batch_of, decibels, train
from tests.models.training.video import drawn

PICTURES = drawn.pictures()
CONFIG = CodecConfig(channels=8, wide=8, fine=8, finest=8, deep=1)
RECIPE = CodecRecipe(steps=6, clips=2, latents=2, size=32, warmup=2, scored=2)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(tmp_path: Path) -> None:
    whole = CodecRun(tmp_path / "whole", RECIPE, CONFIG)
    whole.start(PICTURES)
    for step in range(6):
        whole.advance(*batch_of(PICTURES, RECIPE, step), step / 6)
    first = CodecRun(tmp_path / "parts", RECIPE, CONFIG)
    first.start(PICTURES)
    for step in range(3):
        first.advance(*batch_of(PICTURES, RECIPE, step), step / 6)
    first.save(PICTURES)
    second = CodecRun(tmp_path / "parts", RECIPE, CONFIG)
    train(second, PICTURES, minutes=5)
    assert second.step == 6
    for one, two in zip(whole.smooth.parameters(), second.smooth.parameters(), strict=True):
        assert torch.equal(one, two)


def test_saved_weights_decode_as_they_were_scored(tmp_path: Path) -> None:
    run = CodecRun(tmp_path, RECIPE, CONFIG)
    train(run, PICTURES, minutes=5)
    codec = load_codec(tmp_path / "codec.safetensors")
    ratios = [decibels(made, PICTURES, RECIPE) for made in (codec, run.smooth)]
    torch.testing.assert_close(*ratios, rtol=0, atol=1e-3)
    assert ratios[0].min() > 5
