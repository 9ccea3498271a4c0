import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.generation.backbone import Backbone, SeenLatents, in_torch
from models.generation.chunk_request import MAX_THINGS
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS, ChunkControl
from models.generation.denoising_networks import HIDDEN
from models.generation.dit import KeysValues
from models.generation.looks import look_channels, pasted
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.registry import create_sampler
from models.generation.small.info import SmallVideoInfo
from models.generation.small.loading import load, save
from models.generation.small.looks.pictures import pack
from models.streaming import Streaming, run
from models.training.video import shapes
from models.training.video.denoising import (
    LEVEL_OFFSET,
    DitBatch,
    Past,
    denoised,
    generated_past,
    loss_of,
    switched_past,
)
from models.training.video.dit_batches import (
    DitRecipe,
    batch_of,
    clip_look_maps,
    gray_latent,
)
from models.training.video.latents import fill, read
from models.training.video.shapes import Shape
from models.training.video.train_codec import CodecRecipe, CodecRun
from models.training.video.train_dit import DitRun, train
from tests.models.generation import tiny
from tests.models.training.video import drawn
from tests.models.training.video.test_train_codec import CONFIG

PICTURES = drawn.pictures()
SHOWS = SmallVideoInfo(32, ("duck",), ("grass",), Reach(sink=1, window=2))
RECIPE = DitRecipe(steps=8, clips=3, own_from=0.25, own=0.7, warmup=2)


def samplers() -> list[tuple[str, Callable[[Backbone], object]]]:
    return [
        ("rolling_forcing", lambda backbone: create_sampler("rolling-forcing", backbone)),
        ("stream_dit", lambda backbone: create_sampler("stream-dit", backbone, steps=2)),
        ("motion_stream", lambda backbone: MotionStream(backbone, levels=(1.0,))),
    ]


@pytest.mark.parametrize(("kind", "make"), samplers())
def test_every_shape_that_a_stream_uses_is_trained(
    kind: str, make: Callable[[Backbone], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[tuple[int, tuple[float, ...]]] = set()
    ask = Backbone.denoise

    def noted(
        self: Backbone,
        noisy: Tensor,
        levels: Tensor,
        text: object,
        condition: Tensor,
        past: SeenLatents | None = None,
    ) -> object:
        before = int((past.places > HIDDEN).sum()) if past else 0
        clean = int((levels == 0).sum())
        if clean < len(levels):  # not the call that remembers
            rounded = tuple(round(float(level), 3) for level in levels[clean:])
            used.add((before + clean, rounded))
        return ask(self, noisy, levels, text, condition, past)  # type: ignore[arg-type]

    monkeypatch.setattr(Backbone, "denoise", noted)
    reach = Reach(sink=0, window=3) if kind == "stream_dit" else Reach(sink=1, window=2)
    backbone = in_torch(tiny.dit(), tiny.SIZE, tiny.SIZE, reach)
    made: Streaming[object, ChunkControl, Tensor] = make(backbone)  # type: ignore[assignment]
    list(run(made, tiny.controls(12)))
    trained: set[tuple[int, tuple[float, ...]]] = set()
    for seed in range(1500):
        shape = getattr(shapes, kind)(np.random.default_rng(seed), 10, reach)
        levels = [round(float(level), 3) for level in shape.levels]
        if kind == "motion_stream":  # side by side: the first has no past, the next has one
            trained |= {(past, (level,)) for past, level in enumerate(levels)}
        else:
            trained.add((shape.clean, tuple(levels)))
    assert len(used) >= 3
    assert used <= trained


@pytest.fixture(scope="module")
def latents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latents")
    codec = CodecRun(
        folder / "codec", CodecRecipe(steps=1, clips=1, latents=1, size=32, scored=1), CONFIG
    )
    codec.start(PICTURES)
    codec.save(PICTURES)
    file = folder / "codec" / "codec.safetensors"
    fill(folder / "latents", file, PICTURES, clips=100, size=32, latents=9)
    return folder


def fresh(folder: Path) -> DitRun:
    condition = MAX_THINGS * MAP_CHANNELS + look_channels(8)
    config = replace(tiny.dit().config, channels=8, condition=condition)
    return DitRun(folder, RECIPE, SHOWS, config)


def truth_of(batch: DitBatch) -> Past:
    return Past(batch.latents, batch.condition)


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_like_one_that_was_not(latents: Path, tmp_path: Path) -> None:
    kept = read(latents / "latents")
    whole = fresh(tmp_path / "whole")
    for step in range(8):
        whole.advance(kept, step / 8)
    first = fresh(tmp_path / "parts")
    for step in range(4):
        first.advance(kept, step / 8)
    first.save()
    second = fresh(tmp_path / "parts")
    train(second, kept, minutes=5)
    assert second.step == 8
    for one, two in zip(whole.smooth.parameters(), second.smooth.parameters(), strict=True):
        assert torch.equal(one, two)
    looks = tmp_path / "looks.zip"
    pack(tiny.looks(), looks)
    codec = latents / "codec" / "codec.safetensors"
    drawing = load(codec, tmp_path / "parts/drawing.safetensors", looks_file=looks)
    assert drawing.backbone().shape == (1, 8, 1, 4, 4)


@pytest.mark.slow
def test_a_run_begins_with_the_weights_of_another(latents: Path, tmp_path: Path) -> None:
    first = fresh(tmp_path / "first")
    first.advance(read(latents / "latents"), 0.0)
    torch.nn.init.normal_(first.smooth.words.words.weight)
    first.save()
    file = tmp_path / "first" / "drawing.safetensors"
    other = copy.deepcopy(first.smooth)  # the same words in another order, without one of them
    known = list(other.words.vocabulary)
    other.words.vocabulary = tuple(reversed(known[1:]))
    rows = other.words.words.weight.detach()
    other.words.words.weight = torch.nn.Parameter(torch.cat([rows[:1], rows[2:].flip(0)]))
    save(tmp_path / "other.safetensors", other, SHOWS, {})
    for source, missing in ((file, 0), (tmp_path / "other.safetensors", 1)):
        second = fresh(tmp_path / "second")
        second.begin(source)
        assert second.step == 0
        for started in (second.both, second.smooth):
            for one, two in zip(first.smooth.parameters(), started.parameters(), strict=True):
                differing = (one != two).flatten(1).any(1) if one.ndim > 1 else one != two
                assert differing.sum() == (missing if len(one) == len(rows) else 0)


@pytest.mark.slow
def test_a_wider_model_begins_with_a_narrower_one(latents: Path, tmp_path: Path) -> None:
    plain = replace(tiny.dit().config, channels=8)
    first = DitRun(tmp_path / "plain", RECIPE, SHOWS, plain)
    first.save()
    second = fresh(tmp_path / "second")
    name = "track_head.0.weight"
    before = second.both.model.get_parameter(name).detach().clone()
    second.begin(tmp_path / "plain" / "drawing.safetensors")
    own, given = (run.both.model.get_parameter(name) for run in (second, first))
    assert torch.equal(own[:, : plain.condition], given)
    assert torch.equal(own[:, plain.condition :], before[:, plain.condition :])
    for one, two in zip(second.both.parameters(), second.smooth.parameters(), strict=True):
        assert torch.equal(one, two)


@torch.no_grad()
def test_a_gated_model_begins_halfway_between_a_plain_one_and_its_looks(
    latents: Path, tmp_path: Path
) -> None:
    kept = read(latents / "latents")
    first = fresh(tmp_path / "first")
    tiny.wake(first.smooth)
    first.save()
    config = replace(first.both.model.config, gated=True)
    second = DitRun(tmp_path / "second", RECIPE, SHOWS, config)
    second.see_gray(kept)
    second.begin(tmp_path / "first" / "drawing.safetensors")
    batch = batch_of(kept, RECIPE, np.random.default_rng(0))
    levels = torch.full(batch.latents[:, 0, :, 0, 0].shape, 0.5)

    def made(run: DitRun) -> Tensor:
        text = run.smooth.model.project_text(*run.smooth.words(batch.captions))
        clean: Tensor = run.smooth.model(batch.latents, levels, text, condition=batch.condition)[0]
        return clean

    looks = batch.condition[:, -look_channels(8) :]
    shown = pasted(looks, 8) + gray_latent(kept)[:, None, None, None]
    torch.testing.assert_close(made(second), (made(first) + shown) / 2)


def test_what_looks_show_is_what_clips_show_away_from_edges(latents: Path) -> None:
    kept = read(latents / "latents")
    maps = torch.stack([kept.chunk_looks(index).maps for index in range(20)])
    shown = pasted(maps, 8) + gray_latent(kept)[:, None, None, None]
    truth, alone = kept.latents[:20].float(), kept.weights[:20] == 0
    apart = (shown - truth).square().mean(1)
    spread = truth.transpose(0, 1)[:, alone].var(1).mean()
    assert apart[alone].mean() < 0.1 * spread


def test_a_look_is_there_while_its_thing_has_a_track(latents: Path) -> None:
    kept = read(latents / "latents")
    recipe = replace(RECIPE, unseen=0.0)
    track = kept.tracks[0].clone()
    track[:, 4:8] = torch.nan
    maps = clip_look_maps(np.random.default_rng(0), kept, 0, track, recipe)
    each = kept.latents.shape[1] + 1
    assert maps[: each * MAX_THINGS, 1].abs().max() == 0
    assert maps[:each, 0].abs().max() > 0
    assert torch.equal(maps[each * MAX_THINGS :, 1], kept.grounds[0].float())
    nothing = replace(RECIPE, unseen=1.0)
    assert clip_look_maps(np.random.default_rng(0), kept, 0, track, nothing).abs().max() == 0


def test_an_error_counts_the_more_the_less_noise_there_was(latents: Path) -> None:
    trainer = fresh(latents / "unused")
    batch = batch_of(read(latents / "latents"), RECIPE, np.random.default_rng(0))
    with torch.no_grad():  # a model that says 0 everywhere: its error is the latents themselves
        for parameter in trainer.both.parameters():
            parameter.zero_()
        even = replace(batch, weights=torch.ones_like(batch.weights))
        text = trainer.both.model.project_text(*trainer.both.words(batch.captions))
        errors = batch.latents[:, :, :2].square().mean((0, 1, 3, 4))
        for levels in ([1.0, 0.2], [0.2, 1.0]):
            shape = shapes.side_by_side((0, 1), levels)
            noise = torch.zeros_like(batch.latents)
            loss = loss_of(trainer.both.model, even, shape, truth_of(batch), noise, text)
            shares = [1 / (level**2 + LEVEL_OFFSET) for level in levels]
            wanted = sum(s * float(e) for s, e in zip(shares, errors, strict=True)) / sum(shares)
            assert float(loss) == pytest.approx(wanted, rel=1e-4)


def test_latents_of_another_codec_are_refused(latents: Path, tmp_path: Path) -> None:
    other = tmp_path / "codec.safetensors"
    other.write_bytes((latents / "codec" / "codec.safetensors").read_bytes() + b" ")
    with pytest.raises(ValueError, match="another recipe"):
        fill(latents / "latents", other, PICTURES, clips=100, size=32, latents=9)


@torch.no_grad()
def test_a_pass_side_by_side_is_a_stream_that_knows_the_truth(latents: Path) -> None:
    kept = read(latents / "latents")
    trainer = fresh(latents / "unused")
    tiny.wake(trainer.both.model)
    model, words = trainer.both.model, trainer.both.words
    batch = batch_of(kept, RECIPE, np.random.default_rng(0))
    shape = shapes.side_by_side((0, 1, 2, 3), [1.0, 0.7, 0.4, 0.9])
    noise = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(0))
    text = model.project_text(*words(batch.captions))
    made = denoised(model, batch, shape, truth_of(batch), noise, text)
    seen: KeysValues | None = None
    for n, level in enumerate(shape.levels):
        one = slice(n, n + 1)
        truth, condition = batch.latents[:, :, one], batch.condition[:, :, one]
        dirty = (1 - level) * truth + level * noise[:, :, one]
        levels = level.expand(3, 1)
        aim, _ = model(dirty, levels, text, condition=condition, past=seen)
        torch.testing.assert_close(made[:, :, one], aim, rtol=0, atol=1e-4)  # tens in size
        _, own = model(truth, levels * 0, text, condition=condition, past=seen)
        seen = (
            KeysValues(torch.cat([seen.keys, own.keys], 3), torch.cat([seen.values, own.values], 3))
            if seen
            else own
        )


def with_a_context(seed: int) -> Shape:
    rng = np.random.default_rng(seed)
    shape = shapes.rolling_forcing(rng, 9, SHOWS.reach)
    while not shape.clean:
        shape = shapes.rolling_forcing(rng, 9, SHOWS.reach)
    return shape


def test_an_own_past_replaces_the_context_and_nothing_else(latents: Path) -> None:
    kept = read(latents / "latents")
    trainer = fresh(latents / "unused")
    batch = batch_of(kept, RECIPE, np.random.default_rng(0))
    shape = with_a_context(4)
    text = trainer.both.model.project_text(*trainer.both.words(batch.captions))
    noise = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(0))
    past = generated_past(trainer.both.model, batch, shape, noise, text, 1.0)
    context = set(shape.order[: shape.clean])
    for n in range(9):
        assert torch.equal(past.latents[:, :, n], batch.latents[:, :, n]) != (n in context)
    assert torch.equal(past.condition, batch.condition)
    assert not past.latents.requires_grad


def test_after_another_prompt_the_context_is_another_clip_up_to_a_place(latents: Path) -> None:
    batch = batch_of(read(latents / "latents"), RECIPE, np.random.default_rng(0))
    shape = with_a_context(4)
    places = set()
    for seed in range(30):
        past = switched_past(batch, shape, np.random.default_rng(seed))
        strange = [
            n for n in range(9) if not torch.equal(past.latents[:, :, n], batch.latents[:, :, n])
        ]
        places.add(len(strange))
        assert strange == sorted(shape.order[: len(strange)])
        for one, other in (
            (past.latents, batch.latents),
            (past.condition, batch.condition),
        ):
            assert torch.equal(one[:2, :, strange], other[[2, 0]][:, :, strange])
    assert places == set(range(1, shape.clean + 1))
    alone = shapes.side_by_side((0,), [1.0])
    assert torch.equal(switched_past(batch, alone, np.random.default_rng(0)).latents, batch.latents)
