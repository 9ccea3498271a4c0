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
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.generation.chunk_request import MAX_THINGS
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS
from models.generation.dit import Dit, DitConfig
from models.generation.looks import look_channels
from models.generation.prompt_encoder import PromptEncoder
from models.generation.small.info import SmallVideoInfo
from models.generation.small.loading import PromptedDit, save
from models.generation.small.looks.coloring import COLORED, COLORS
from models.generation.small.looks.sprites import SIZES
from models.generation.small.weight_files import read_config
from models.training.muon import Muon, groups, share_at
from models.training.precision import products_on
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.smoothing import follow, smoothing_at
from models.training.video import shapes
from models.training.video.clips.captions import vocabulary
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
from models.training.video.denoising import Past, generated_past, loss_of, switched_past
from models.training.video.dit_batches import (
    CONTINUED,
    DitRecipe,
    batch_of,
    drawn_noise,
    gray_latent,
)
from models.training.video.latents import LatentClips, read
from models.training.video.train_codec import CPU

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


class DitRun:
    """A training run in a folder: the weights, their smoothed copy, the optimizer, the step."""

    def __init__(
        self,
        folder: Path,
        recipe: DitRecipe,
        shows: SmallVideoInfo,
        config: DitConfig,
        device: torch.device = CPU,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.folder, self.recipe, self.shows, self.device = folder, recipe, shows, device
        both = PromptedDit(Dit(config), PromptEncoder(vocabulary(), config.text))
        self.both = both.to(device)
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
        """Load the weights in `file`, of a model for frames of any size.

        Words that it does not know keep their random embeddings; where this model is wider, the
        rest keeps its initial values.
        """
        tensors, known = load_file(file), read_config(file)["vocabulary"]
        words = self.both.words.words.weight.detach().clone()
        given = tensors.pop("words.words.weight").to(words)
        words[0] = given[0]
        for word, row in self.both.words.indices.items():
            if word in known:
                words[row] = given[1 + known.index(word)]
        state = self.both.state_dict()
        for name, own in state.items():
            if name in tensors:
                sizes = zip(own.shape, tensors[name].shape, strict=True)
                common = tuple(slice(0, min(pair)) for pair in sizes)
                own[common] = tensors[name][common].to(own)
        state["words.words.weight"].copy_(words)
        self.smooth.load_state_dict(self.both.state_dict())

    def see_gray(self, kept: LatentClips) -> None:
        """Set the latent of a gray picture: looks are given less it, and backgrounds are seen."""
        if self.both.model.config.gated:
            gray = gray_latent(kept).to(self.device)
            for both in (self.both, self.smooth):
                both.model.gray.data.copy_(gray)

    def resume(self) -> None:
        """Resume the run in the folder, if there is one."""
        file = self.folder / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True, map_location=self.device)
        self.both.load_state_dict(state["both"])
        self.smooth.load_state_dict(state["smooth"])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def advance(self, kept: LatentClips, done: float) -> tuple[str, Tensor]:
        """Make one step; return the sampler whose shape it had, and the loss before it.

        `done` is the share of the run that is done.
        """
        recipe, model = self.recipe, self.both.model
        for group in self.optimizer.param_groups:
            group["share"] = share_at(self.step, recipe.warmup, done)
        rng = np.random.default_rng([recipe.seed, self.step])
        batch = batch_of(kept, recipe, rng)
        shape = shapes.draw(rng, batch.latents.shape[2], self.shows.reach).to(self.device)
        noise = drawn_noise(rng, batch.latents)
        with products_on(self.device):
            text = model.project_text(*self.both.words(batch.captions))
            past = Past(batch.latents, batch.condition)
            if rng.random() < recipe.switched:
                past = switched_past(batch, shape, rng)
            elif done >= recipe.own_from and rng.random() < recipe.own:
                level = float(rng.choice([1.0, 0.7, 0.4]))
                past = generated_past(model, batch, shape, noise.roll(1, 0), text, level)
            loss = loss_of(model, batch, shape, past, noise, text)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        nn.utils.clip_grad_norm_(self.both.parameters(), 1.0)
        self.optimizer.step()
        follow(self.smooth, self.both, smoothing_at(self.step, recipe.smoothing))
        self.step += 1
        return shape.kind, loss.detach()

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
        self.save_weights()
        logger.info("saved after step %d, %.0f s", self.step, self.seconds)

    def save_weights(self) -> None:
        """Save the smoothed weights."""
        metadata = {"step": self.step, "seconds": round(self.seconds)}
        save(self.folder / "drawing.safetensors", self.smooth, self.shows, metadata)

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
        kind, loss = run.advance(kept, run.step / run.recipe.steps)
        losses.setdefault(kind, []).append(loss.item())
        now = time.process_time()
        run.seconds, last = run.seconds + now - last, now
        if run.step % 50 == 0:
            run.log(losses)
            losses = {}


def small_config(channels: int) -> DitConfig:
    """Return the sizes of a model that takes looks, for latents of `channels`."""
    condition = MAX_THINGS * MAP_CHANNELS + look_channels(channels)
    return DitConfig(channels=channels, condition=condition, hint=64, gated=True)


def shows(size: int) -> SmallVideoInfo:
    """Return the info of a model trained on this data."""
    things = [name for kind in KINDS.values() for name in kind.names]
    grounds = [name for ground in BACKGROUNDS.values() for name in ground.names]
    return SmallVideoInfo(
        size,
        tuple(things),
        tuple(grounds),
        Reach(sink=2, window=1),
        colors=tuple(COLORS),
        sizes=tuple(word for word in SIZES if word),
        colored=tuple(COLORED),
    )


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
    parser.add_argument("--device", type=torch.device, default=CPU)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    kept = read(options.latents).to(options.device)
    config = small_config(kept.latents.shape[1])
    with lock_folder(options.folder, parser):
        recipe = replace(CONTINUED if options.begin else DitRecipe(), steps=options.steps)
        run = DitRun(options.folder, recipe, shows(options.size), config, options.device)
        run.see_gray(kept)
        if options.begin:
            run.begin(options.begin)
        train(run, kept, options.minutes)


if __name__ == "__main__":
    main()
