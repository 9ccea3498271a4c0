"""The drawing model, trained on its own streams of few steps."""

import copy
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.dit import Dit, TextKeysValues
from models.generation.samplers.registry import DEFAULT_STEPS, motion_stream_levels
from models.training.muon import share_at
from models.training.one_run.run import VideoRun, steps
from models.training.one_run.time_budget import PhaseTime
from models.training.one_run.video import GROWN, LOGGED, LatentPool
from models.training.precision import products_on
from models.training.smoothing import follow
from models.training.video import shapes
from models.training.video.denoising import DitBatch, Past, loss_of
from models.training.video.dit_batches import DitRecipe, batch_of, drawn_noise
from models.training.video.rollout import matching_loss, roll_out
from models.training.video.shapes import Shape
from models.training.video.ship import convert_to_float16
from models.training.video.train_dit import DitRun, shows

RATE, CRITIC_RATE = 2e-5, 1e-4
SMOOTHING = 0.99
WARMUP = 50  # steps
LEVELS = motion_stream_levels(DEFAULT_STEPS["motion-stream"])


class FewStepTraining:
    """The trained model, its frozen teacher, and the critic, which knows the model's streams."""

    def __init__(self, run: VideoRun, work: Path, recipe: DitRecipe) -> None:
        config = run.config
        self.config, self.recipe = config, recipe
        self.own = DitRun(work, recipe, shows(config.size), config.dit, config.device)
        self.own.begin(run.drawing)
        self.teacher = copy.deepcopy(self.own.both.model).requires_grad_(requires_grad=False)
        self.critic = copy.deepcopy(self.own.both.model)
        file = run.folder / "few-step.safetensors"
        if file.exists():
            self.own.begin(file)
        self.optimizer = torch.optim.AdamW(self.own.both.model.parameters(), RATE, (0.0, 0.99))
        self.critic_optimizer = torch.optim.AdamW(
            self.critic.parameters(), CRITIC_RATE, (0.0, 0.99)
        )

    def advance(self, pool: LatentPool, step: int, done: float) -> dict[str, Tensor]:
        """Make a step of the critic for streams of the model; each fifth, say, is of the model."""
        rng = np.random.default_rng([self.recipe.seed, step])
        batch = batch_of(pool.clips, self.recipe, rng)
        if step % (self.config.critic_steps + 1) < self.config.critic_steps:
            return {"critic": self._learn_streams(batch, rng, share_at(step, WARMUP, done))}
        return {"matching": self._match(batch, rng, share_at(step, WARMUP, done))}

    def save(self) -> None:
        self.own.save_weights()

    def _learn_streams(self, batch: DitBatch, rng: np.random.Generator, share: float) -> Tensor:
        """Make a step of the critic; return its loss."""
        shape, noise = self._shape(batch, rng), drawn_noise(rng, batch.latents)
        with products_on(self.config.device):
            with torch.no_grad():
                made = self._stream(batch, rng)
            past, text = Past(made, batch.condition), self._text(self.critic, batch)
            streams = replace(batch, latents=made)
            loss = loss_of(self.critic, streams, shape, past, noise, text)
        _step(loss, self.critic, self.critic_optimizer, CRITIC_RATE * share)
        return loss.detach()

    def _match(self, batch: DitBatch, rng: np.random.Generator, share: float) -> Tensor:
        """Make a step of the model; return its loss."""
        shape, noise = self._shape(batch, rng), drawn_noise(rng, batch.latents)
        with products_on(self.config.device):
            made = self._stream(batch, rng)
            judges = [(model, self._text(model, batch)) for model in (self.teacher, self.critic)]
            loss = matching_loss(made, batch, shape, noise, judges[0], judges[1])
        model = self.own.both.model
        _step(loss, model, self.optimizer, RATE * share)
        follow(self.own.smooth.model, model, SMOOTHING)
        return loss.detach()

    def _stream(self, batch: DitBatch, rng: np.random.Generator) -> Tensor:
        model, count = self.own.both.model, batch.latents.shape[2]
        noise = torch.stack([drawn_noise(rng, batch.latents) for _ in LEVELS])
        exits = [int(last) for last in rng.integers(0, len(LEVELS), count)]
        text = self._text(model, batch)
        return roll_out(model, text, batch.condition, noise, LEVELS, exits, self.own.shows.reach)

    def _shape(self, batch: DitBatch, rng: np.random.Generator) -> Shape:
        drawn = shapes.motion_stream(rng, batch.latents.shape[2], self.own.shows.reach)
        return drawn.to(batch.latents.device)

    def _text(self, model: Dit, batch: DitBatch) -> TextKeysValues:
        with torch.no_grad():
            words = self.own.both.words(batch.captions)
        return model.project_text(*words)


def _step(loss: Tensor, model: Dit, optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def train_few_step(run: VideoRun, time: PhaseTime, pool: LatentPool) -> None:
    """Train the drawing model of `run` on its own streams; it becomes few-step.safetensors."""
    recipe = DitRecipe(clips=run.config.few_step_clips, seed=2 + round(1e6 * time.before))
    with tempfile.TemporaryDirectory() as work:
        training = FewStepTraining(run, Path(work), recipe)

        def save() -> None:
            training.save()
            convert_to_float16(Path(work) / run.drawing.name, run.folder / "few-step.safetensors")

        for step, done in steps(run, "few-step", time, save):
            if step % GROWN == 0:
                pool.grow()
            losses = training.advance(pool, step, done)
            if step % LOGGED < run.config.critic_steps + 1:  # one of each kind
                run.log("few-step", step, {name: loss.item() for name, loss in losses.items()})
