"""Train the video transformer: `python -m models.training.video.train_dit --minutes 60`.

Run `clips.photographs`, `train_codec` and `latents` first. The same command resumes a stopped run:
every step draws from its own number. The folder holds `state.pt` (the state, saved after every
three minutes of work), `drawing.safetensors` (smoothed weights, for
`models.generation.small.loading`) and `log.jsonl` (losses by sampler).

The model predicts the clean latent; the samplers add noise again, so few steps need no
distillation. Objects weigh more than the background, tracks are hidden in part or entirely, and in
some steps the context is the model's own output instead of the clip (`own`), so that streams do not
drift.

Sources: Self Forcing, Huang et al. 2025; Diffusion Forcing, Chen et al. 2024.
"""

import argparse
import copy
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.generation.context import Reach
from models.generation.control import track_maps
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import PromptEncoder
from models.generation.small.loading import PromptedDit, SmallVideoInfo, save
from models.training.muon import Muon, groups, share_at
from models.training.precision import FastProducts
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.video import shapes
from models.training.video.clips.captions import caption, vocabulary
from models.training.video.clips.kinds import BACKGROUNDS, KINDS
from models.training.video.denoising import DitBatch, Past, generated_past, loss_of, switched_past
from models.training.video.latents import LatentClips, read

logger = logging.getLogger(__name__)

EDGES = (  # input and output layers
    "model.patch_embedding",
    "model.text_embedding",
    "model.time_embedding",
    "model.track_head",
    "model.refine",
    "model.head",
    "words",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DitRecipe:
    """A run: `steps` over `clips` clips; rates rise over `warmup`, then fall.

    `weight` is the additional weight of an object's token. `switched` is the share of steps with a
    changed prompt: the context is of another clip. After the share `own_from` of the steps, `own`
    is the share of the other steps with a context that the model generated. `hidden` and `cut` are
    the shares of tracks that are hidden entirely, or for a while.
    """

    steps: int = 30_000
    clips: int = 16
    matrix_rate: float = 0.02
    other_rate: float = 2e-3
    warmup: int = 300
    weight: float = 4.0
    switched: float = 0.15
    own: float = 0.4
    own_from: float = 0.2
    hidden: float = 0.1
    cut: float = 0.2
    smoothing: float = 0.999
    seed: int = 1


def hide_tracks(rng: np.random.Generator, track: Tensor, recipe: DitRecipe) -> Tensor:
    """Return (MAX_THINGS, frames, 2) with some tracks hidden, entirely or for a while."""
    track = track.clone()
    for thing in track:
        drawn = rng.random()
        if drawn < recipe.hidden:
            thing.fill_(float("nan"))
        elif drawn < recipe.hidden + recipe.cut:
            start, end = np.sort(rng.integers(0, len(thing) + 1, 2))
            thing[start:end] = float("nan")
    return track


def batch_of(kept: LatentClips, recipe: DitRecipe, rng: np.random.Generator) -> DitBatch:
    chosen = rng.integers(len(kept.labels), size=recipe.clips)
    latents = kept.latents[chosen].float()
    count, height, width = latents.shape[2:]
    tracks = [hide_tracks(rng, kept.tracks[index], recipe) for index in chosen]
    condition = torch.stack([track_maps(track, count, height, width) for track in tracks])
    weights = 1 + recipe.weight * kept.weights[chosen].float()[:, None] / 255
    captions = [caption(rng, *kept.labels[index]) for index in chosen]
    return DitBatch(latents, condition, weights, captions)


class DitRun:
    """A training run in a folder: the weights, their smoothed copy, the optimizer, the step."""

    def __init__(
        self, folder: Path, recipe: DitRecipe, shows: SmallVideoInfo, config: DitConfig
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.folder, self.recipe, self.shows = folder, recipe, shows
        self.both = PromptedDit(Dit(config), PromptEncoder(vocabulary(), config.text))
        nn.init.zeros_(self.both.model.head.head.weight)
        if config.refine:
            nn.init.zeros_(self.both.model.get_parameter("refine.4.weight"))
            nn.init.zeros_(self.both.model.get_parameter("refine.4.bias"))
        self.smooth = copy.deepcopy(self.both)
        edges = dict.fromkeys(EDGES, recipe.other_rate)
        self.optimizer = Muon(
            groups(self.both, edges, matrix=recipe.matrix_rate, other=recipe.other_rate, decay=0.01)
        )
        self.step, self.seconds = 0, 0.0

    def begin(self, file: Path) -> None:
        """Load the weights in `file`, of a model of the same sizes, for frames of any size."""
        self.both.load_state_dict(load_file(file))
        self.smooth.load_state_dict(self.both.state_dict())

    def resume(self) -> None:
        """Resume the run in the folder, if there is one."""
        file = self.folder / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True)
        self.both.load_state_dict(state["both"])
        self.smooth.load_state_dict(state["smooth"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def advance(self, kept: LatentClips) -> tuple[str, float]:
        """Make one step; return the sampler whose shape it had, and the loss before it."""
        recipe, model = self.recipe, self.both.model
        for group in self.optimizer.param_groups:
            group["share"] = share_at(self.step, recipe.steps, recipe.warmup)
        rng = np.random.default_rng([recipe.seed, self.step])
        batch = batch_of(kept, recipe, rng)
        shape = shapes.draw(rng, batch.latents.shape[2], self.shows.reach)
        noise = torch.from_numpy(rng.standard_normal(batch.latents.shape, np.float32))
        with FastProducts():
            text = model.project_text(*self.both.words(batch.captions))
            past = Past(batch.latents, batch.condition)
            if rng.random() < recipe.switched:
                past = switched_past(batch, shape, rng)
            elif self.step >= recipe.own_from * recipe.steps and rng.random() < recipe.own:
                level = float(rng.choice([1.0, 0.7, 0.4]))
                past = generated_past(model, batch, shape, noise.roll(1, 0), text, level)
            loss = loss_of(model, batch, shape, past, noise, text)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        nn.utils.clip_grad_norm_(self.both.parameters(), 1.0)
        self.optimizer.step()
        share = min(recipe.smoothing, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for slow, now in zip(self.smooth.parameters(), self.both.parameters(), strict=True):
                slow.lerp_(now, 1 - share)
        self.step += 1
        return shape.kind, loss.item()

    def save(self) -> None:
        """Save the state and the smoothed weights."""
        state = {
            "both": self.both.state_dict(),
            "smooth": self.smooth.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        save_state(self.folder / "state.pt", state)
        metadata = {"step": self.step, "seconds": round(self.seconds)}
        save(self.folder / "drawing.safetensors", self.smooth, self.shows, metadata)
        logger.info("saved after step %d, %.0f s", self.step, self.seconds)

    def log(self, losses: Mapping[str, Sequence[float]]) -> None:
        """Append the mean losses of each sampler to the run's log."""
        means = {kind: round(sum(part) / len(part), 4) for kind, part in losses.items()}
        line = {"step": self.step, "seconds": self.seconds, **means}
        append_line(self.folder / "log.jsonl", line)


def train(run: DitRun, kept: LatentClips, minutes: float) -> None:
    """Train `run` until its last step, for `minutes`, or until SIGTERM."""
    run.resume()
    last = time.process_time()
    losses: dict[str, list[float]] = {}
    for _ in training_steps(lambda: run.step < run.recipe.steps, run.save, minutes=minutes):
        kind, loss = run.advance(kept)
        losses.setdefault(kind, []).append(loss)
        now = time.process_time()
        run.seconds, last = run.seconds + now - last, now
        if run.step % 50 == 0:
            run.log(losses)
            losses = {}


def shows(size: int) -> SmallVideoInfo:
    """Return the info of a model trained on this data."""
    things = [name for kind in KINDS.values() for name in kind.names]
    grounds = [name for ground in BACKGROUNDS.values() for name in ground.names]
    return SmallVideoInfo(size, tuple(things), tuple(grounds), Reach(sink=2, window=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--folder", type=Path, default=root / "dit")
    parser.add_argument("--latents", type=Path, default=root / "latents")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=DitRecipe().steps)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--begin", type=Path, help="weights that a new run begins with")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    kept = read(options.latents)
    config = DitConfig(channels=kept.latents.shape[1])
    with lock_folder(options.folder, parser):
        run = DitRun(options.folder, DitRecipe(steps=options.steps), shows(options.size), config)
        if options.begin:
            run.begin(options.begin)
        train(run, kept, options.minutes)


if __name__ == "__main__":
    main()
