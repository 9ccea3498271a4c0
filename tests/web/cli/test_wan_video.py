"""Films by Wan with tiny random weights, as its authors lay out their files."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import WeightsError
from models.generation.wan import model as wan
from tests.models.generation.wan import made as wan_made
from web.cli import wan_video
from web.cli.generate import Wish, drawn
from web.cli.generation_inputs import Track, prompts
from web.config import Settings
from web.errors import UsageError

SIDES = {"width": 16, "height": 16}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wan_made.write(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def model(weights: Path) -> wan.WanModel:
    return wan.load("self-forcing", weights, device="cpu", dtype=torch.float32)


def shown(model: wan.WanModel, *said: str, pictures: int = 14) -> np.ndarray:
    lines = prompts(said[0], said[1:], 2.0)
    return np.stack(list(wan_video.film(model, lines, pictures, 3, **SIDES)))


def test_a_film_has_as_many_pictures_as_are_wanted_and_is_its_seeds(model: wan.WanModel) -> None:
    one = shown(model, "a duck")
    assert one.shape == (14, 16, 16, 3)
    assert (one == shown(model, "a duck", pictures=30)[:14]).all()
    assert (one != shown(model, "grass")).any()


def test_another_prompt_counts_from_its_time_on(model: wan.WanModel) -> None:
    one, two = shown(model, "a duck", pictures=30), shown(model, "a duck", "grass@0.6", pictures=30)
    assert (one[:21] == two[:21]).all()  # chunks of 9, 12, ... begin at 0, 0.56 and 1.3 s
    assert (one[21:] != two[21:]).any()


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (lambda lines: Wish(lines=lines, steps=3), "made for 5 steps: leave out --steps"),
        (
            lambda lines: Wish(lines=lines, tracks=(Track(np.zeros(1), np.full((1, 2), 0.5)),)),
            "follows no tracks, only words: leave out --track",
        ),
        (lambda lines: Wish(lines=lines), "needs a CUDA GPU"),
    ],
)
def test_what_it_cannot_do_is_told(
    weights: Path, monkeypatch: pytest.MonkeyPatch, wish: Callable[[object], Wish], told: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = Settings(weights=weights)
    with pytest.raises(UsageError, match=told):
        drawn(settings, wish(prompts("a duck", (), 2.0)), Path("rolling-forcing"))


def test_on_a_gpu_the_weights_decide_how_it_is_sampled(
    weights: Path, model: wan.WanModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(wan_video, "load", lambda name, folder: model)
    monkeypatch.setattr(wan_video.film, "__kwdefaults__", SIDES)
    wish = Wish(lines=prompts("a duck", (), 2.0), seconds=2.0, seed=3)
    told, pictures, scale = drawn(Settings(weights=weights), wish, Path("self-forcing"))
    assert "832 x 480" in told[0]
    assert scale == 1
    assert (np.stack(list(islice(pictures, 9))) == shown(model, "a duck", pictures=9)).all()
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(WeightsError, match="eyeline pull longlive"):
        drawn(Settings(weights=tmp_path), wish, Path("longlive"))
