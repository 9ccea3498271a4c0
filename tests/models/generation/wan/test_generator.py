"""Wan's weights in a live session: tiny random ones in the published layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.generation.chunk_request import ChunkRequest, Pixels
from models.generation.control import ChunkControl
from models.generation.wan.generator import WanVideoGenerator
from models.generation.wan.model import WanModel, load
from models.generation.wan.variants import SCENE, VARIANTS
from tests.models.generation.wan import made as wan_made
from web.settings.checks import WAN_MODELS

WIDTH, HEIGHT = 48, 32
DUCK = (("a duck on grass", 1.0),)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wan_made.write(tmp_path_factory.mktemp("weights"))


def loaded(weights: Path, name: str) -> WanModel:
    return load(name, weights, device="cpu", dtype=torch.float32)


def make_generator(wan: WanModel, name: str) -> WanVideoGenerator:
    return WanVideoGenerator(wan, name, width=WIDTH, height=HEIGHT)


def generate(made: WanVideoGenerator, count: int, **changes: Any) -> list[Pixels]:
    ((name, steps),) = made.samplers.items()
    state, out = made.init_state(name, 3), list[Pixels]()
    for _ in range(count):
        request = ChunkRequest(**{"prompt": DUCK, "steps": steps.default, **changes})
        state, pictures = made.step(state, request)
        out += pictures
    return out


def test_the_settings_know_all_weights() -> None:
    assert tuple(VARIANTS) == WAN_MODELS


@pytest.mark.slow
@pytest.mark.parametrize("name", WAN_MODELS)
def test_pictures_are_those_of_the_generator(weights: Path, name: str) -> None:
    wan = loaded(weights, name)
    chunks = len(wan.variant.levels) + 1 if wan.variant.rolling else 2
    generator = wan.generator(3, width=WIDTH, height=HEIGHT)
    state, expected = generator.init_state(), []
    for _ in range(chunks):
        state, made = generator.step(state, ChunkControl(wan.prompt(DUCK[0][0])))
        expected += [picture for chunk in made for picture in chunk]
    got = generate(make_generator(wan, name), chunks)
    np.testing.assert_array_equal(got, expected)
    assert len(got) == 8 * wan.variant.chunk - 3  # a stream's first latent is one picture
    assert got[0].shape == (HEIGHT, WIDTH, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rolling-forcing", "self-forcing"])
def test_a_camera_is_shown_as_it_is_at_strength_0_and_less_so_above(
    weights: Path, name: str
) -> None:
    wan = loaded(weights, name)
    chunks = len(wan.variant.levels) + 1 if wan.variant.rolling else 2
    ramp = [np.full((60, 80, 3), 20 * n, np.uint8) for n in range(12)]
    shown = [
        np.stack(generate(make_generator(wan, name), chunks, start=ramp, strength=strength)).astype(
            float
        )
        for strength in (0.0, 0.6, 1.0)
    ]
    assert len(shown[0]) == 21
    again = np.stack(generate(make_generator(wan, name), chunks, start=ramp, strength=0.0))
    np.testing.assert_array_equal(shown[0], again)
    other = np.stack(generate(make_generator(wan, name), chunks, start=ramp[::-1], strength=0.0))
    assert np.abs(shown[0] - other).mean() > 0.5  # it is the camera that is seen
    apart = [np.abs(each - shown[0]).mean() for each in shown[1:]]
    assert apart[0] > 0
    assert apart[1] > 0


def test_it_says_that_it_follows_no_tracks(weights: Path) -> None:
    made = make_generator(loaded(weights, "longlive"), "longlive")
    assert not made.tracks
    assert "no tracks" in made.about
    assert tuple(made.samplers) == ("motion-stream",)
    assert made.chunk == 12


def test_a_scene_begins_with_the_first_chunk_of_its_prompt_only(weights: Path) -> None:
    wan = loaded(weights, "longlive-2")
    scene = f"{SCENE}a duck"
    assert wan.shows(scene, begins=True) == (scene, True)
    assert wan.shows(scene, begins=False) == ("a duck", False)
    assert wan.shows("a duck", begins=True) == ("a duck", False)
    assert loaded(weights, "longlive").shows(scene, begins=True) == (scene, False)
    made = make_generator(wan, "longlive-2")
    state, texts, frames = made.init_state("motion-stream", 3), [], list[Pixels]()
    for asked in ("grass", scene, scene):
        request = ChunkRequest(prompt=((asked, 1.0),), steps=4)
        state, new = made.step(state, request)
        frames = list(new)
        texts.append(state.texts[0][0])
    assert texts == ["grass", scene, "a duck"]
    assert state.stream.sampler.context.pinned
    assert (len(frames), made.rate, made.chunk) == (32, 24.0, 32)
