"""The codec and the drawing model, trained on clips as they are composed."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.generation.small.loading import load_codec
from models.training.one_run.run import VideoRun, steps
from models.training.one_run.time_budget import PhaseTime
from models.training.video.dit_batches import DitRecipe
from models.training.video.latents import LatentClips, PreparedClip, encode, join
from models.training.video.ship import convert_to_float16
from models.training.video.train_codec import CodecRecipe, CodecRun
from models.training.video.train_dit import DitRun, shows

LOGGED = 50  # steps between two lines of the log
GROWN = 20  # steps between two looks for finished clips
ENCODED = 64  # clips at a time


def codec_batch(
    clips: Sequence[PreparedClip],
    recipe: CodecRecipe,
    rng: np.random.Generator,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Return parts of drawn clips, (clips, 3, frames, h, w), and each pixel's weight."""
    long = 4 * recipe.latents
    shown, covered = [], []
    for index in rng.integers(len(clips), size=recipe.clips):
        clip = clips[index]
        start = 4 * int(rng.integers(0, (len(clip.frames) - long) // 4 + 1))
        shown.append(clip.frames[start : start + long])
        covered.append(clip.covered[start : start + long])
    pixels = torch.from_numpy(np.stack(shown)).to(device).permute(0, 4, 1, 2, 3)
    weights = torch.from_numpy(np.stack(covered)).to(device)[:, None]
    return pixels.float() / 127.5 - 1, 1 + recipe.weight * weights.float() / 255


def train_codec(run: VideoRun, time: PhaseTime) -> list[PreparedClip]:
    """Train the codec, and return the clips that it was trained on."""
    config = run.config
    recipe = CodecRecipe(clips=config.codec_clips, size=config.size)
    clips = run.stream.take(config.first)

    def some(count: int) -> Iterable[Tensor]:
        rng = np.random.default_rng(recipe.seed)
        for _ in range(count):
            yield codec_batch(clips, recipe, rng, config.device)[0]

    with tempfile.TemporaryDirectory() as work:
        trained = CodecRun(Path(work), recipe, config.codec, config.device)
        if run.codec.exists():
            trained.load(run.codec)
        else:
            trained.begin(some(24))

        def save() -> None:
            trained.save_weights(some(8))
            convert_to_float16(Path(work) / run.codec.name, run.codec)

        for step, done in steps(run, "codec", time, save):
            clips += run.stream.finished() if len(clips) < config.held else []
            rng = np.random.default_rng([recipe.seed, round(1e6 * time.before), step])
            loss = trained.advance(*codec_batch(clips, recipe, rng, config.device), done)
            if step % LOGGED == 0:
                run.log("codec", step, {"clips": len(clips), "loss": loss.item()})
    return clips


class LatentPool:
    """Clips encoded by the codec of `run`, on its device; they become more while it trains."""

    def __init__(self, run: VideoRun, clips: Sequence[PreparedClip]) -> None:
        self._run = run
        self._codec = load_codec(run.codec).to(run.config.device)
        first = clips or run.stream.take(run.config.first)
        self.clips = self._encoded(first)

    def grow(self) -> None:
        fresh = self._run.stream.finished()
        if fresh:
            self.clips = join([self.clips, self._encoded(fresh)])

    def _encoded(self, clips: Sequence[PreparedClip]) -> LatentClips:
        parts = [clips[start : start + ENCODED] for start in range(0, len(clips), ENCODED)]
        return join([encode(self._codec, part) for part in parts])


def train_drawing(run: VideoRun, time: PhaseTime, pool: LatentPool) -> None:
    """Train the transformer with the prompt encoder."""
    config, file = run.config, run.drawing
    recipe = DitRecipe(clips=config.clips, seed=1 + round(1e6 * time.before))
    with tempfile.TemporaryDirectory() as work:
        trained = DitRun(Path(work), recipe, shows(config.size), config.dit, config.device)
        trained.see_gray(pool.clips)
        if file.exists():
            trained.begin(file)
        if config.compiled:
            for block in trained.both.model.blocks:
                block.compile(dynamic=True)

        def save() -> None:
            trained.save_weights()
            convert_to_float16(Path(work) / file.name, file)

        losses: dict[str, list[Tensor]] = {}
        for step, done in steps(run, "drawing", time, save):
            if step % GROWN == 0:
                pool.grow()
            kind, loss = trained.advance(pool.clips, done)
            losses.setdefault(kind, []).append(loss)
            if step % LOGGED == 0:
                means = {kind: torch.stack(part).mean().item() for kind, part in losses.items()}
                run.log("drawing", step, {"clips": len(pool.clips.labels), **means})
                losses.clear()
