"""Video generation over a real socket, with a scripted generator."""

import base64
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.engine import load_in_torch
from models.errors import WeightsError
from models.generation.small import loading as embedded
from models.generation.small.enlarger_file import save_enlarger
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.models.generation import tiny
from tests.models.generation.small.test_generator import written
from tests.web.realtime.test_websocket import Client, talk
from tests.web.served import Served, scripted_models, served, speech
from web.config import Settings
from web.loading.models import load_generator


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(sessions=3, prompt_length=500, track_points=100)
    with (
        scripted_models(generator=ScriptedGenerator()) as models,
        served(settings, models) as service,
    ):
        yield service


async def drawn(client: Client, count: int) -> list[tuple[int, np.ndarray[Any, Any]]]:
    """Return the numbers and the first pixels of the next `count` pictures."""
    out = []
    for _ in range(count):
        event = await client.until("eyeline.video.delta")
        data = base64.b64decode(event["image"].removeprefix("data:image/jpeg;base64,"))
        out.append((event["number"], np.asarray(Image.open(io.BytesIO(data)))[0, 0]))
    return out


async def begin(client: Client, text: str = "a duck") -> None:
    await client.send("eyeline.prompt.set", text=text)
    await client.send("eyeline.generation.update", enabled=True, pictures=True)


async def test_pictures_come_while_captions_and_answers_run(service: Served) -> None:
    async with talk(service, "?eyeline=1") as client:
        await begin(client)
        first = await drawn(client, 8)
        await client.append(speech(1.0) + speech(1.0, loud=False))
        await client.until("response.done")
        later = await drawn(client, 8)
        numbers = [event["number"] for event in client.events if "number" in event]
        assert all(b > a for a, b in pairwise(numbers))
        assert first[0][0] == 1
        assert later[-1][0] >= 16  # none came twice, and generation went on
        assert client.events[-1]["image"].startswith("data:image/jpeg")
        status = await client.until("eyeline.generation.status")
        assert status["state"] == "drawing"


@pytest.mark.slow
async def test_a_new_prompt_shows_and_invalid_input_changes_nothing(service: Served) -> None:
    async with talk(service, "?eyeline=1") as client:
        await begin(client, "x" * 50)
        await drawn(client, 4)
        far = [{"x": 0.5, "y": 0.5}] * 20_000
        await client.send("eyeline.track.append", points=far)
        assert "at most 10000" in (await client.until("error"))["error"]["message"]
        await client.send("eyeline.prompt.set", text="duck " * 2000)
        assert "500 characters" in (await client.until("error"))["error"]["message"]
        await client.send("eyeline.generation.update", sampler="dream")
        assert "motion-stream" in (await client.until("error"))["error"]["message"]
        await client.send("eyeline.prompt.set", text="x" * 150)
        for _ in range(200):
            ((_, color),) = await drawn(client, 1)
            if abs(int(color[1]) - 150) < 20:  # JPEG changes colours a little
                break
        else:
            pytest.fail("the new prompt never showed")


async def test_a_second_session_waits_for_a_generation_slot(service: Served) -> None:
    async with talk(service, "?eyeline=1") as two, talk(service, "?eyeline=1") as one:
        await begin(one)
        await drawn(one, 1)
        await begin(two)
        assert (await two.until("eyeline.generation.status"))["state"] == "full"
        await one.send("eyeline.generation.update", enabled=False)
        while (await one.until("eyeline.generation.status"))["state"] != "off":
            pass
        await two.send("eyeline.generation.update", seed=1)
        await drawn(two, 4)


def test_without_files_generation_is_unavailable_and_the_reason_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr("web.loading.models.CHECKPOINTS", tmp_path)
    generator, why = load_generator(Settings(), load_in_torch)
    assert generator is None
    assert "models/checkpoints/codec.safetensors" in why
    assert str(tmp_path) not in why  # a path is nobody else's business
    assert load_generator(Settings(drawing_model="none"), load_in_torch) == (
        None,
        "EYELINE_DRAWING_MODEL is none",
    )


def test_weights_for_a_gpu_are_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(WeightsError, match="longlive needs a CUDA GPU, and PyTorch finds none"):
        load_generator(Settings(drawing_model="longlive"), load_in_torch)
    with pytest.raises(WeightsError, match="longlive needs a CUDA GPU, and EYELINE_DEVICE is cpu"):
        load_generator(Settings(drawing_model="longlive", device="cpu"), load_in_torch)


def test_a_folder_is_loaded_and_one_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"drawing\.safetensors"):
        load_generator(Settings(drawing_model=str(tmp_path)), load_in_torch)
    written(tmp_path)
    save_enlarger(tmp_path / "enlarger.safetensors", tiny.enlarger())
    for enlarged, side in ((True, 64), (False, 32)):
        given = Settings(drawing_model=str(tmp_path), drawing_enlarged=enlarged)
        generator, _ = load_generator(given, load_in_torch)
        assert generator is not None
        assert generator.size == (side, side)
