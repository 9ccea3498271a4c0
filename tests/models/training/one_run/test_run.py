"""The whole training in one run, with tiny sizes on the CPU."""

import ast
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.generation.backbone import in_torch
from models.generation.codec.codec import CodecConfig
from models.generation.context import Reach
from models.generation.control import ChunkControl, track_map_batch
from models.generation.samplers.motion_stream import MotionStream
from models.generation.schedules import seeded_noise
from models.generation.small.loading import load
from models.generation.small.looks.pictures import pack
from models.streaming import run as stream
from models.training.one_run.composing import ClipStream
from models.training.one_run.run import RunConfig, VideoRun
from models.training.one_run.time_budget import SHARES, TimeBudget, note_progress, read_progress
from models.training.one_run.train import phases_left, train
from models.training.video.clips.photographs import shipped
from models.training.video.denoising import DitBatch, Past, denoised
from models.training.video.rollout import matching_loss, roll_out
from models.training.video.shapes import side_by_side
from tests.models.generation import tiny
from tests.models.training.video import drawn
from tests.paths import ROOT

CONFIG = RunConfig(
    device=torch.device("cpu"),
    size=16,
    latents=8,
    codec=CodecConfig(channels=4, wide=8, fine=8, finest=8, deep=1),
    dit=tiny.dit(condition=tiny.LOOKED).config,
    codec_clips=2,
    clips=2,
    few_step_clips=2,
    critic_steps=1,
    first=2,
    held=4,
    compiled=False,
)
CARRIED = {"numpy", "PIL", "safetensors", "torch"}  # packages of a machine with PyTorch


@contextmanager
def begun(folder: Path, first: int = 0) -> Iterator[VideoRun]:
    pack(drawn.pictures(), folder / "pictures.zip")
    (folder / "out").mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as executor:
        clips = ClipStream(
            executor, folder / "pictures.zip", size=16, frames=32, ahead=2, first=first
        )
        yield VideoRun(CONFIG, folder / "out", clips)
        executor.shutdown(cancel_futures=True)


@pytest.mark.slow
def test_a_run_that_was_cut_continues_and_ends_with_small_weights_that_draw(tmp_path: Path) -> None:
    ticks = count()  # a second passes whenever the time is asked for

    def budget() -> TimeBudget:
        return TimeBudget(phases_left(tmp_path / "out"), 1e9, lambda: float(next(ticks)))

    with begun(tmp_path) as run:
        train(run, budget(), steps=2)
        assert read_progress(run.folder) == dict.fromkeys(SHARES, 1.0)
        codec = run.codec.read_bytes()
        first = load_file(run.drawing)
        note_progress(run.folder, "drawing", 0.5)
        train(run, budget(), steps=1)
    assert run.codec.read_bytes() == codec  # its phase was done
    change = [(load_file(run.drawing)[name] - part).abs().max() for name, part in first.items()]
    assert 0 < max(change) < 0.2  # it went on from these weights
    assert read_progress(run.folder) == dict.fromkeys(SHARES, 1.0)
    looks = tmp_path / "looks.zip"
    pack(shipped(drawn.pictures()), looks)
    for name in ("drawing", "few-step"):
        file = run.folder / f"{name}.safetensors"
        assert all(part.dtype == torch.float16 for part in load_file(file).values())
        assert load(run.codec, file, looks_file=looks).backbone().shape == (1, 4, 1, 2, 2)


def test_what_travels_needs_no_package_but_these() -> None:
    """Follow the imports of the run through the repository."""
    seen: set[str] = set()
    outside: set[str] = set()
    waiting = ["models.training.one_run.train"]
    while waiting:
        name = waiting.pop()
        file = ROOT / f"{name.replace('.', '/')}.py"
        if name in seen or not file.exists():
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            outside |= {each.split(".")[0] for each in found}
            waiting += [each for each in found if each.startswith("models.")]
    assert outside - set(sys.stdlib_module_names) - {"models"} <= CARRIED
    assert len(seen) > 20


def test_phases_share_what_is_left_and_one_that_was_begun_takes_less() -> None:
    now = 0.0
    budget = TimeBudget(list(SHARES), 950.0, lambda: now)
    codec = budget.allot("codec")
    assert codec.end == pytest.approx(200)
    now = 100.0
    assert codec.done(0) == pytest.approx(0.5)
    now = 350.0  # it took longer
    drawing = budget.allot("drawing", before=0.75, steps=10)
    assert drawing.end - drawing.start == pytest.approx(300)
    assert [drawing.done(step) for step in (0, 5, 10)] == pytest.approx([0.75, 0.875, 1.0])


@torch.no_grad()
def test_a_rollout_is_what_the_sampler_streams() -> None:
    model, levels, reach = tiny.dit(), (1.0, 0.7), Reach(sink=1, window=2)
    backbone = in_torch(model, tiny.SIZE, tiny.SIZE, reach)
    prompt = tiny.words().prompt("a duck on grass")
    tracks = torch.cat([tiny.track(n) for n in range(6)], 1)
    controls = [ChunkControl(prompt, tiny.track(n)) for n in range(6)]
    streamed = list(stream(MotionStream(backbone, levels, seed=5), controls))
    noise = torch.stack(
        [
            torch.cat([seeded_noise(5, n, number, backbone.shape) for n in range(6)], 2)
            for number in range(2)
        ]
    )
    both = torch.cat([tracks, torch.full_like(tracks, torch.nan)])[None]
    text = model.project_text(prompt.features[None], prompt.bias[None])
    condition = track_map_batch(both, 6, tiny.SIZE, tiny.SIZE)
    made = roll_out(model, text, condition, noise, levels, [1] * 6, reach)
    torch.testing.assert_close(made[0], torch.cat(streamed, 1), rtol=0, atol=1e-3)  # tens in size


def test_streams_move_to_where_the_teacher_and_away_from_where_the_critic_expects_them() -> None:
    model = tiny.dit()
    latents = torch.randn(2, 4, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    condition = torch.zeros(2, model.config.condition, 4, 4, 4)
    batch = DitBatch(latents, condition, torch.ones(2, 1, 4, 4, 4), ["a duck", "a car"])
    shape = side_by_side((0, 1, 2), [0.9, 0.7, 0.8])
    teacher, critic = (
        (tiny.dit(seed), tiny.dit(seed).project_text(*tiny.words()(batch.captions)))
        for seed in (0, 1)
    )
    made = latents.clone().requires_grad_()
    noise = torch.randn_like(latents)
    (wanted,) = torch.autograd.grad(matching_loss(made, batch, shape, noise, teacher, critic), made)
    past = Past(latents, condition)
    with torch.no_grad():
        real, fake = (
            denoised(model, batch, shape, past, noise, text) for model, text in (teacher, critic)
        )
    assert torch.equal(wanted[:, :, :3].sign(), (fake - real).sign())
    assert wanted[:, :, 3].abs().max() == 0  # not of the shape
    (none,) = torch.autograd.grad(matching_loss(made, batch, shape, noise, teacher, teacher), made)
    assert none.abs().max() == 0  # what the critic knows is what the teacher wants
