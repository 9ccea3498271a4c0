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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.generation.codec.codec import PATCH, Codec, CodecConfig
from models.generation.small.loading import load_codec
from models.generation.small.looks.pictures import LookPictures, load
from models.training.muon import Muon, groups, share_at
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.smoothing import follow, smoothing_at
from models.training.video.clips.composition import compose
from models.training.video.codec_beginnings import KeptLatents, begin, calibrate, widen

logger = logging.getLogger(__name__)

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRecipe:
    """A run: `steps` over `clips` clips of `latents` latents; rates rise over `warmup`, then fall.

    `noise` is the standard deviation of noise in latents of unit size; `weight` is the additional
    weight of an object's pixel. With `crop`, a step sees a square of that side of each frame, near
    an object. `scored` is the number of clips for the decibels.
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
    crop: int = 0
    smoothing: float = 0.998
    scored: int = 24
    seed: int = 1


# of a run that begins with a codec
CONTINUED = CodecRecipe(
    matrix_rate=0.003, other_rate=3e-4, warmup=10, noise=0.1, smoothing=0.99, scored=8
)


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
        if recipe.crop:
            box = around(clip.tracks[0], recipe, np.random.default_rng([number]))
            shown[-1], weights[-1] = shown[-1][..., *box], weights[-1][..., *box]
    return torch.stack(shown), torch.stack(weights)


def around(track: np.ndarray, recipe: CodecRecipe, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return a square of the frame, in whole cells, near a point of `track`."""
    point = track[int(rng.integers(len(track)))] + rng.uniform(-0.15, 0.15, 2)
    first = np.rint((point * recipe.size - recipe.crop / 2) / PATCH).astype(int) * PATCH
    x, y = np.clip(first, 0, recipe.size - recipe.crop)
    return slice(y, y + recipe.crop), slice(x, x + recipe.crop)


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
        self.kept: KeptLatents | None = None

    def start(self, pictures: LookPictures) -> None:
        """Resume the run in the folder, or start one."""
        if not (self.folder / "state.pt").exists():
            if self.kept is None:
                self.begin(some(pictures, self.recipe, -1, 24))
            return
        state = torch.load(self.folder / "state.pt", weights_only=True, map_location=self.device)
        self.codec.load_state_dict(state["codec"])
        self.smooth.load_state_dict(state["smooth"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step = state["step"]
        if state.get("kept"):
            self.kept = KeptLatents(self.codec, state["kept"])

    def begin(self, clips: Iterable[Tensor]) -> None:
        """Start a run with the principal components of `clips`."""
        begin(self.codec, (pixels.to(self.device) for pixels in clips))
        self.smooth.load_state_dict(self.codec.state_dict())

    def load(self, file: Path) -> None:
        """Start a run with the weights in `file`."""
        for codec in (self.codec, self.smooth):
            codec.load_state_dict(load_codec(file).state_dict())

    def widen(self, file: Path, pictures: LookPictures) -> None:
        """Start a run with the weights in `file`, of a codec with fewer channels or as many.

        Its latents stay, as this codec's first channels.
        """
        given = load_codec(file)
        batches = [batch_of(pictures, self.recipe, -1 - index) for index in range(24)]
        widen(self.codec, given, batches)
        self.smooth.load_state_dict(self.codec.state_dict())
        self.kept = KeptLatents(self.codec, given.config.channels)

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
        if self.kept:
            self.kept.restore()
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
            "kept": self.kept.count if self.kept else 0,
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
        kept = self.kept.count if self.kept else 0
        calibrate(whole, (pixels.to(self.device) for pixels in clips), kept)
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
    parser.add_argument("--channels", type=int, default=CodecConfig().channels)
    parser.add_argument("--crop", type=int, default=0, help="pixels: see squares with things")
    parser.add_argument("--begin", type=Path, help="a codec whose latents a new run keeps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=CPU)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = CONTINUED if options.begin else CodecRecipe()
    recipe = replace(recipe, steps=options.steps, size=options.size, crop=options.crop)
    config = CodecConfig(channels=options.channels)
    pictures = load(options.pictures)
    with lock_folder(options.folder, parser):
        run = CodecRun(options.folder, recipe, config, options.device)
        if options.begin:
            run.widen(options.begin, pictures)
        train(run, pictures, options.minutes)


if __name__ == "__main__":
    main()
