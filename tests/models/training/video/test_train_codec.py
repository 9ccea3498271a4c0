from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.generation.codec.codec import PATCH, CodecConfig
from models.generation.small.loading import load_codec
from models.training.video.train_codec import (
    CodecRecipe,
    CodecRun,
    around,
    batch_of,
    decibels,
    train,
)
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


def test_a_wider_codec_keeps_the_latents_that_it_began_with(tmp_path: Path) -> None:
    first = CodecRun(tmp_path / "first", RECIPE, CONFIG)
    train(first, PICTURES, minutes=5)
    file = tmp_path / "first" / "codec.safetensors"
    given = load_codec(file)
    recipe = replace(RECIPE, crop=24, matrix_rate=0.01, linear_rate=0.01)
    run = CodecRun(tmp_path / "wide", recipe, replace(CONFIG, channels=12))
    run.widen(file, PICTURES)
    before = run.codec.linear_out.weight.detach().clone()
    pixels, _ = batch_of(PICTURES, RECIPE, 0)
    with torch.no_grad():
        torch.testing.assert_close(run.codec.encode(pixels)[0][:, :8], given.encode(pixels)[0])
        own, old = (
            (codec.decode(codec.encode(pixels)[0])[0] - pixels).square().mean()
            for codec in (run.codec, given)
        )
    train(run, PICTURES, minutes=5)
    wide = load_codec(tmp_path / "wide" / "codec.safetensors")
    assert (run.codec.linear_out.weight != before).any()
    with torch.no_grad():
        latents = wide.encode(pixels)[0]
        torch.testing.assert_close(latents[:, :8], given.encode(pixels)[0])
    assert own <= 1.001 * old
    assert latents[:, 8:].std() == pytest.approx(1, abs=0.3)


def test_a_crop_is_in_the_frame_and_has_the_thing_in_it() -> None:
    recipe = replace(RECIPE, size=64, crop=32)
    pixels, weights = batch_of(PICTURES, recipe, 0)
    assert pixels.shape == (2, 3, 8, 32, 32)
    assert weights.shape == (2, 1, 8, 32, 32)
    assert (weights > 1).flatten(1).any(1).all()
    rng = np.random.default_rng(0)
    for corner in ((0, 0), (1, 1), (0.5, 0.2)):
        for box in around(np.array([corner], np.float32), recipe, rng):
            assert box.start >= 0
            assert box.stop <= 64
            assert box.start % PATCH == 0


def test_saved_weights_decode_as_they_were_scored(tmp_path: Path) -> None:
    run = CodecRun(tmp_path, RECIPE, CONFIG)
    train(run, PICTURES, minutes=5)
    codec = load_codec(tmp_path / "codec.safetensors")
    ratios = [decibels(made, PICTURES, RECIPE) for made in (codec, run.smooth)]
    torch.testing.assert_close(*ratios, rtol=0, atol=1e-3)
    assert ratios[0].min() > 5
