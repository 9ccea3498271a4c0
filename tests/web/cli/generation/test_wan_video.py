"""Video from Wan2.1 with tiny random weights in the layout of its authors."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import WeightsError
from models.generation.wan import model as wan
from tests.models.generation.wan import made as wan_made
from web.cli.generation import wan_video
from web.cli.generation.generate import VideoRequest, start_generation
from web.cli.generation.inputs import TimedTrack, parse_prompts
from web.config import Settings
from web.errors import UsageError

SIDES = {"width": 16, "height": 16}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wan_made.write(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def model(weights: Path) -> wan.WanModel:
    return wan.load("self-forcing", weights, device="cpu", dtype=torch.float32)


def generated(model: wan.WanModel, *texts: str, count: int = 14) -> np.ndarray:
    prompts = parse_prompts(texts[0], texts[1:], 2.0)
    return np.stack(list(wan_video.generate_frames(model, prompts, count, 3, **SIDES)))


def test_the_number_of_frames_and_the_seed_determine_the_video(model: wan.WanModel) -> None:
    one = generated(model, "a duck")
    assert one.shape == (14, 16, 16, 3)
    assert (one == generated(model, "a duck", count=30)[:14]).all()
    assert (one != generated(model, "grass")).any()


def test_another_prompt_takes_effect_from_its_time_on(model: wan.WanModel) -> None:
    one, two = (
        generated(model, "a duck", count=30),
        generated(model, "a duck", "grass@0.6", count=30),
    )
    assert (one[:21] == two[:21]).all()  # chunks of 9, 12, ... begin at 0, 0.56 and 1.3 s
    assert (one[21:] != two[21:]).any()


@pytest.mark.parametrize(
    ("make_request", "message"),
    [
        (
            lambda prompts: VideoRequest(prompts=prompts, steps=3),
            "trained for 5 steps: omit --steps",
        ),
        (
            lambda prompts: VideoRequest(
                prompts=prompts, tracks=(TimedTrack(np.zeros(1), np.full((1, 2), 0.5)),)
            ),
            "does not follow tracks, only prompts: omit --track",
        ),
        (lambda prompts: VideoRequest(prompts=prompts), "needs a CUDA GPU"),
    ],
)
def test_unsupported_options_are_errors(
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_request: Callable[[object], VideoRequest],
    message: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = Settings(weights=weights)
    with pytest.raises(UsageError, match=message):
        start_generation(
            settings, make_request(parse_prompts("a duck", (), 2.0)), Path("rolling-forcing")
        )


def test_on_a_gpu_the_weights_decide_how_it_is_sampled(
    weights: Path, model: wan.WanModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(wan_video, "load", lambda name, folder: model)
    verified: list[str] = []

    def problems(names: tuple[str, ...], folder: Path) -> list[str]:
        verified.extend(names)
        return []

    monkeypatch.setattr(wan_video, "pulled_problems", problems)
    monkeypatch.setattr(wan_video.generate_frames, "__kwdefaults__", SIDES)
    request = VideoRequest(prompts=parse_prompts("a duck", (), 2.0), seconds=2.0, seed=3)
    monkeypatch.setattr(model.codec, "rows", 0)
    messages, frames, scale = start_generation(
        Settings(weights=weights, drawing_rows=3), request, Path("self-forcing")
    )
    assert model.codec.rows == 3
    assert verified == ["wan2.1", "self-forcing"]
    assert "832 x 480" in messages[0]
    assert scale == 1
    assert (np.stack(list(islice(frames, 9))) == generated(model, "a duck", count=9)).all()
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(WeightsError, match="eyeline pull longlive"):
        start_generation(Settings(weights=tmp_path), request, Path("longlive"))
