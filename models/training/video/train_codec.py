"""Train the video codec: `python -m models.training.video.train_codec --minutes 60`.

The same command resumes a stopped run: every step draws its clips from its own number. The folder
holds `state.pt` (the state, saved after every three minutes of work), `codec.safetensors` (smoothed
weights) and `log.jsonl` (the loss of each tenth step, and decibels on held-out clips at each save).
Pictures come from `python -m models.training.video.clips.photographs`.

The linear part is initialized with the principal components of the training pictures, near 25 dB.
Moving objects weigh more than the background, and latents get a little noise, so that the decoder
tolerates errors of a generator. The linear part needs a low rate, or its initialization is lost.
"""

import argparse
import copy
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.generation.codec.codec import PATCH, Codec, CodecConfig, fold
from models.generation.small.loading import load_codec
from models.generation.small.looks.pictures import LookPictures, load
from models.training.muon import Muon, groups, share_at
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.smoothing import follow, smoothing_at
from models.training.video.clips.composition import compose

logger = logging.getLogger(__name__)

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRecipe:
    """A run: `steps` over `clips` clips of `latents` latents; rates rise over `warmup`, then fall.

    `noise` is the standard deviation of noise in latents of unit size; `weight` is the additional
    weight of an object's pixel; `scored` is the number of clips for the decibels.
    """

    steps: int = 8_000
    clips: int = 4
    latents: int = 4
    size: int = 64
    matrix_rate: float = 0.01
    other_rate: float = 8e-4
    linear_rate: float = 4e-5
    warmup: int = 50
    noise: float = 0.05
    weight: float = 2.0
    smoothing: float = 0.998
    scored: int = 24
    seed: int = 1


def to_tensor(frames: np.ndarray) -> Tensor:
    """Return uint8 (frames, h, w, 3) as float (3, frames, h, w) in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1


def batch_of(pictures: LookPictures, recipe: CodecRecipe, step: int) -> tuple[Tensor, Tensor]:
    """Return the clips of `step`, (clips, 3, frames, size, size), and each pixel's weight."""
    shown, weights = [], []
    for index in range(recipe.clips):
        number = (recipe.seed * 1_000_000 + step) * recipe.clips + index
        clip = compose(pictures, number, size=recipe.size, frames=4 * recipe.latents)
        shown.append(to_tensor(clip.frames))
        covered = torch.from_numpy(clip.masks.max(0)).float() / 255
        weights.append(1 + recipe.weight * covered[None])
    return torch.stack(shown), torch.stack(weights)


@torch.no_grad()
def begin(codec: Codec, clips: Iterable[Tensor]) -> None:
    """Set the linear part of `codec` to the principal components of `clips`.

    They are (batch, 3, frames, height, width) each, some hundred in all. Each component is divided
    by the root of its deviation: large ones stay larger than small ones, but noise does not hide
    the small ones.
    """
    blocks = torch.cat(
        [fold(pixels, PATCH).permute(0, 1, 3, 4, 2).flatten(0, 3) for pixels in clips]
    )
    mean = blocks.mean(0)
    values, vectors = torch.linalg.eigh((blocks - mean).T.cov())
    count = codec.config.channels
    axes = vectors[:, -count:].flip(1)  # (768, channels), the largest first
    deviation = values[-count:].flip(0).sqrt()
    size = deviation.sqrt() * deviation.mean().sqrt()
    codec.linear_in.weight.copy_((axes / size).T[..., None, None])
    codec.linear_in.bias.copy_(-(mean @ axes) / size)  # type: ignore[union-attr]  # it has one
    codec.linear_out.weight.copy_((axes * size)[..., None, None])
    codec.linear_out.bias.copy_(mean)  # type: ignore[union-attr]  # it has one


def some(pictures: LookPictures, recipe: CodecRecipe, first: int, count: int) -> Iterable[Tensor]:
    """Yield the clips of `count` steps, from `first` down."""
    for index in range(count):
        yield batch_of(pictures, recipe, first - index)[0]


def loss_of(codec: Codec, pixels: Tensor, weights: Tensor, noise: Tensor) -> Tensor:
    """Return the weighted squared error of decoding latents with `noise` in them."""
    latents, _ = codec.encode(pixels)
    shown, _ = codec.decode(latents + noise)
    return ((shown - pixels).square() * weights).mean() / weights.mean()


@torch.no_grad()
def decibels(codec: Codec, pictures: LookPictures, recipe: CodecRecipe) -> Tensor:
    """Return the peak signal-to-noise ratio of each of some held-out clips of 2.5 s."""
    ratios = []
    for number in range(recipe.scored):
        clip = compose(pictures, number, size=recipe.size, frames=40, held_out=True)
        pixels = to_tensor(clip.frames)[None].to(codec.mean.device)
        shown, _ = codec.decode(codec.encode(pixels)[0])
        error = (shown.clamp(-1, 1) - pixels).square().mean() / 4  # of pictures in [0, 1]
        ratios.append(-10 * torch.log10(error))
    return torch.stack(ratios)


@torch.no_grad()
def calibrate(codec: Codec, clips: Iterable[Tensor]) -> None:
    """Set `mean` and `scale` so that the latents of `clips` have zero mean and unit size."""
    codec.mean.zero_()
    codec.scale.fill_(1.0)
    latents = torch.cat([codec.encode(pixels)[0] for pixels in clips])
    codec.mean.copy_(latents.mean((0, 2, 3, 4)))
    codec.scale.copy_(latents.std((0, 2, 3, 4)))


class CodecRun:
    """A training run in a folder: the weights, their smoothed copy, the optimizer, the step."""

    def __init__(
        self, folder: Path, recipe: CodecRecipe, config: CodecConfig, device: torch.device = CPU
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.folder, self.recipe, self.device = folder, recipe, device
        self.codec, self.smooth = Codec(config).to(device), Codec(config).to(device)
        edges = {"linear": recipe.linear_rate, "out": recipe.other_rate}
        self.optimizer = Muon(
            groups(self.codec, edges, matrix=recipe.matrix_rate, other=recipe.other_rate)
        )
        self.step = 0

    def start(self, pictures: LookPictures) -> None:
        """Resume the run in the folder, or start one."""
        if not (self.folder / "state.pt").exists():
            self.begin(some(pictures, self.recipe, -1, 24))
            return
        state = torch.load(self.folder / "state.pt", weights_only=True, map_location=self.device)
        self.codec.load_state_dict(state["codec"])
        self.smooth.load_state_dict(state["smooth"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def begin(self, clips: Iterable[Tensor]) -> None:
        """Start a run with the principal components of `clips`."""
        begin(self.codec, (pixels.to(self.device) for pixels in clips))
        self.smooth.load_state_dict(self.codec.state_dict())

    def load(self, file: Path) -> None:
        """Start a run with the weights in `file`."""
        for codec in (self.codec, self.smooth):
            codec.load_state_dict(load_codec(file).state_dict())

    def advance(self, pixels: Tensor, weights: Tensor, done: float) -> Tensor:
        """Make one step on `batch_of` clips and return the loss before it.

        `done` is the share of the run that is done.
        """
        for group in self.optimizer.param_groups:
            group["share"] = share_at(self.step, self.recipe.warmup, done)
        rng = torch.Generator().manual_seed(self.recipe.seed * 1_000_000 + self.step)
        high, across = pixels.shape[3] // PATCH, pixels.shape[4] // PATCH
        shape = (len(pixels), self.codec.config.channels, self.recipe.latents, high, across)
        noise = self.recipe.noise * torch.randn(shape, generator=rng).to(self.device)
        loss = loss_of(self.codec, pixels.to(self.device), weights.to(self.device), noise)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        nn.utils.clip_grad_norm_(self.codec.parameters(), 0.5)
        self.optimizer.step()
        follow(self.smooth, self.codec, smoothing_at(self.step, self.recipe.smoothing))
        self.step += 1
        return loss.detach()

    def save(self, pictures: LookPictures) -> None:
        """Save the state, and the smoothed weights with their decibels."""
        state = {
            "codec": self.codec.state_dict(),
            "smooth": self.smooth.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "step": self.step,
        }
        save_state(self.folder / "state.pt", state)
        ratios = decibels(self.smooth, pictures, self.recipe)
        self.save_weights(some(pictures, self.recipe, -100, 8))
        score = {"step": self.step, "decibels": ratios.mean().item(), "least": ratios.min().item()}
        self.log(score)
        logger.info("%s", score)

    def save_weights(self, clips: Iterable[Tensor]) -> None:
        """Save the smoothed weights, with `mean` and `scale` of the latents of `clips`."""
        whole = copy.deepcopy(self.smooth)
        calibrate(whole, (pixels.to(self.device) for pixels in clips))
        header = {"step": str(self.step), "config": json.dumps(asdict(whole.config))}
        save_file(whole.state_dict(), self.folder / "codec.safetensors.new", metadata=header)
        (self.folder / "codec.safetensors.new").replace(self.folder / "codec.safetensors")

    def log(self, line: dict[str, float]) -> None:
        append_line(self.folder / "log.jsonl", line)


def train(run: CodecRun, pictures: LookPictures, minutes: float) -> None:
    """Train `run` until its last step, for `minutes`, or until SIGTERM."""
    run.start(pictures)
    started = time.monotonic()
    for _ in training_steps(
        lambda: run.step < run.recipe.steps, lambda: run.save(pictures), minutes=minutes
    ):
        batch = batch_of(pictures, run.recipe, run.step)
        loss = run.advance(*batch, run.step / run.recipe.steps)
        if run.step % 10 == 0:
            run.log({"step": run.step, "loss": loss.item(), "seconds": time.monotonic() - started})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".cache/eyeline/training/codec"))
    parser.add_argument(
        "--pictures", type=Path, default=Path(".cache/eyeline/training/pictures/pictures.zip")
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=CodecRecipe().steps)
    parser.add_argument("--size", type=int, default=CodecRecipe().size)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=CPU)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = CodecRecipe(steps=options.steps, size=options.size)
    with lock_folder(options.folder, parser):
        run = CodecRun(options.folder, recipe, CodecConfig(), options.device)
        train(run, load(options.pictures), options.minutes)


if __name__ == "__main__":
    main()
