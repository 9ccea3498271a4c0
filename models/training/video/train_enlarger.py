"""Train the enlarger: `python -m models.training.video.train_enlarger --pairs FOLDER...`.

The pairs come from `python -m models.training.video.enlarging_pairs`; several folders are several
worlds. The same command resumes a stopped run. The folder holds `state.pt` (saved after every three
minutes of work), `enlarger.safetensors` (smoothed weights) and `log.jsonl` (the loss of each
hundredth step, and decibels on the pairs of `--held-out` at each save). It learns its world by
heart and nothing else (Li et al. 2023, STDO): so few weights cannot learn all pictures.

The error is that of pixels, of their differences to the next pixel and to the next frame, and of
the contrast of each place: the size of these differences around it, wherever they are. The third
keeps what is still from flickering. Without the fourth, edges are soft where the small frame does
not say where they are.
"""

import argparse
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.generation.codec.enlarging import Enlarger, EnlargerConfig
from models.generation.small.enlarger_file import save_enlarger
from models.training.precision import FastProducts
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.smoothing import follow, smoothing_at
from models.training.video.enlarging_pairs import EnlargingPairs, read

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnlargerRecipe:
    """A run: `steps` over `clips` crops of `crop` pixels; the rate rises over `warmup`, then falls.

    `edges`, `change` and `contrast` weigh the errors of differences to the next pixel, to the next
    frame, and of their sizes in places of `place` pixels.
    """

    steps: int = 5_000
    clips: int = 4
    crop: int = 40
    rate: float = 2e-3
    warmup: int = 200
    edges: float = 0.5
    change: float = 0.5
    contrast: float = 1.0
    place: int = 6
    smoothing: float = 0.995
    seed: int = 1


def to_signal(pixels: np.ndarray) -> Tensor:
    """Return uint8 (clips, frames, h, w, 3) as float (clips, 3, frames, h, w) in [-1, 1]."""
    return torch.from_numpy(pixels).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def batch_of(
    pairs: EnlargingPairs, recipe: EnlargerRecipe, scale: int, step: int
) -> tuple[Tensor, Tensor]:
    """Return the crops of `step` as shown and as they should look; half of them mirrored."""
    rng = np.random.default_rng([recipe.seed, step])
    small, large = [], []
    for index in rng.integers(len(pairs.small), size=recipe.clips):
        y, x = rng.integers(pairs.small.shape[2] - recipe.crop + 1, size=2)
        side, far = recipe.crop, scale * recipe.crop
        turn = -1 if rng.random() < 0.5 else 1
        near = pairs.small[index, :, y : y + side, x : x + side]
        wide = pairs.large[index, :, scale * y : scale * y + far, scale * x : scale * x + far]
        small.append(near[:, :, ::turn])
        large.append(wide[:, :, ::turn])
    return to_signal(np.stack(small)), to_signal(np.stack(large))


def loss_of(shown: Tensor, wanted: Tensor, recipe: EnlargerRecipe) -> Tensor:
    """Return the error of (clips, 3, frames, height, width)."""
    error = shown - wanted
    pixels = (error.square() + 1e-4).sqrt().mean()
    change = error.diff(dim=2).abs().sum() / error.numel()
    total = pixels + recipe.change * change
    for axis in (3, 4):
        sizes = [_contrast(each.diff(dim=axis), recipe.place) for each in (shown, wanted)]
        total = total + recipe.edges * error.diff(dim=axis).abs().mean()
        total = total + recipe.contrast * (sizes[0] - sizes[1]).abs().mean()
    return total


def _contrast(steps: Tensor, place: int) -> Tensor:
    """Return the root mean square of `steps` in places that overlap by half."""
    squares = functional.avg_pool2d(steps.square().flatten(1, 2), place, place // 2)
    return (squares + 1e-5).sqrt()


@torch.no_grad()
def decibels(enlarger: Enlarger, pairs: EnlargingPairs, parts: int = 10) -> float:
    """Return the mean peak signal-to-noise ratio of the clips of `pairs`."""
    ratios = []
    for small, large in zip(
        np.array_split(pairs.small, parts), np.array_split(pairs.large, parts), strict=True
    ):
        frames = to_signal(small)
        shown, _ = enlarger(frames, start_memory(enlarger, frames))
        error = (shown.clamp(-1, 1) - to_signal(large)).square().mean((1, 2, 3, 4)) / 4
        ratios.append(-10 * torch.log10(error))
    return torch.cat(ratios).mean().item()


def start_memory(enlarger: Enlarger, frames: Tensor) -> Tensor:
    """Return the memory before the first of `frames`."""
    return frames.new_zeros(len(frames), enlarger.config.memory, *frames.shape[3:])


class EnlargerRun:
    """A training run in a folder: the weights, their smoothed copy, the optimizer, the step."""

    def __init__(self, folder: Path, recipe: EnlargerRecipe, config: EnlargerConfig) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.folder, self.recipe = folder, recipe
        self.enlarger, self.smooth = Enlarger(config), Enlarger(config)
        self.smooth.load_state_dict(self.enlarger.state_dict())
        self.optimizer = torch.optim.Adam(self.enlarger.parameters(), recipe.rate)
        self.step = 0
        if (folder / "state.pt").exists():
            state = torch.load(folder / "state.pt", weights_only=True)
            self.enlarger.load_state_dict(state["enlarger"])
            self.smooth.load_state_dict(state["smooth"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def advance(self, pairs: EnlargingPairs) -> float:
        """Make one step and return the loss before it."""
        recipe = self.recipe
        rise = min(1.0, (self.step + 1) / recipe.warmup)
        fall = 0.5 + 0.5 * math.cos(math.pi * min(1.0, self.step / recipe.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate * rise * fall
        frames, wanted = batch_of(pairs, recipe, self.enlarger.config.scale, self.step)
        with FastProducts():
            shown, _ = self.enlarger(frames, start_memory(self.enlarger, frames))
        loss = loss_of(shown, wanted, recipe)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        torch.nn.utils.clip_grad_norm_(self.enlarger.parameters(), 0.5)
        self.optimizer.step()
        follow(self.smooth, self.enlarger, smoothing_at(self.step, recipe.smoothing))
        self.step += 1
        return loss.item()

    def save(self, held_out: Sequence[EnlargingPairs]) -> None:
        """Save the state, and the smoothed weights with their decibels."""
        state = {
            "enlarger": self.enlarger.state_dict(),
            "smooth": self.smooth.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        save_state(self.folder / "state.pt", state)
        save_enlarger(self.folder / "enlarger.safetensors", self.smooth)
        score = {"step": self.step, "decibels": [decibels(self.smooth, each) for each in held_out]}
        append_line(self.folder / "log.jsonl", score)
        logger.info("%s", score)


def train(
    run: EnlargerRun, pairs: EnlargingPairs, held_out: Sequence[EnlargingPairs], minutes: float
) -> None:
    """Train `run` until its last step, for `minutes`, or until SIGTERM."""
    started = time.process_time()
    for _ in training_steps(
        lambda: run.step < run.recipe.steps, lambda: run.save(held_out), minutes=minutes
    ):
        loss = run.advance(pairs)
        if run.step % 100 == 0:
            line = {"step": run.step, "loss": loss, "seconds": time.process_time() - started}
            append_line(run.folder / "log.jsonl", line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training/enlarging")
    parser.add_argument("--folder", type=Path, default=root)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[root / "pairs"])
    parser.add_argument("--held-out", type=Path, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--steps", type=int, default=EnlargerRecipe().steps)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    with lock_folder(options.folder, parser):
        run = EnlargerRun(options.folder, EnlargerRecipe(steps=options.steps), EnlargerConfig())
        held_out = [read([folder]) for folder in options.held_out]
        train(run, read(options.pairs), held_out, options.minutes)


if __name__ == "__main__":
    main()
