"""Teach SmolLM2 to answer from lines of moments: `python -m models.training.text_log.train`.

A sequence is a log and its questions; each question attends to the log and itself only, as with
stored keys and values. LoRA is trained, the model is frozen. The same command resumes a run: every
step draws its logs from its own number.

Sources: LoRA, Hu et al. 2021; ReKV, Di et al. 2025, for what a question may see.
"""

import argparse
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models import lora
from models.assistant.scene.embedding import embed
from models.assistant.scene.scene_entry import SYSTEM
from models.language.decoder import Decoder
from models.language.smollm2 import DenseChatModel, load, system_prompt
from models.rotary import apply_rotary
from models.training.process import lock_folder, save_state, training_steps
from models.training.text_log.logs import SyntheticLog, make, prompt
from models.training.text_log.score import validate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLogRecipe:
    """A run: `steps` in all, each over `logs` logs; `rate` rises over `warmup`, then falls.

    `first` is the number of its first log, so that a run that starts from the adapter of another
    can train on other logs.
    """

    steps: int = 120
    logs: int = 3
    rank: int = 8
    rate: float = 1.5e-3
    warmup: int = 15
    seed: int = 1
    first: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSequence:
    """A log and its questions as one sequence, for one pass.

    `x` is (tokens, width); `targets` is int64 (tokens,), -100 without a loss; `branch` is
    0 for the log and 1, 2, ... for the questions; each continues the positions of the log.
    """

    x: Tensor
    targets: Tensor
    branch: Tensor
    positions: Tensor


def sequence(chat: DenseChatModel, log: SyntheticLog) -> TrainingSequence:
    with torch.no_grad():
        shown = torch.cat(
            [
                chat.decoder.embed(chat.encode(system_prompt(SYSTEM))),
                *(embed(chat, moment) for moment in log.moments),
            ]
        )
    parts, targets = [shown], [torch.full((len(shown),), -100)]
    branch, positions = [torch.zeros(len(shown))], [torch.arange(len(shown))]
    for index, turn in enumerate(log.turns):
        read = chat.encode(prompt(log, turn))
        answer = torch.cat([chat.encode(turn.answer), torch.tensor([chat.end])])
        both = torch.cat([read, answer[:-1]])
        parts.append(chat.decoder.embed(both).detach())
        targets.append(torch.cat([torch.full((len(read) - 1,), -100), answer]))
        branch.append(torch.full((len(both),), index + 1))
        positions.append(len(shown) + torch.arange(len(both)))
    return TrainingSequence(
        torch.cat(parts), torch.cat(targets), torch.cat(branch), torch.cat(positions)
    )


def loss_of(decoder: Decoder, made: TrainingSequence) -> Tensor:
    """Return the mean cross-entropy of the answers' tokens."""
    order = torch.arange(len(made.x))
    same = made.branch[:, None] == made.branch
    visible = (order[:, None] >= order) & (same | (made.branch == 0))
    turns = decoder.config.rotary.cos_sin(made.positions)
    x = made.x
    for layer in decoder.layers:
        query, key, value = layer.project(x)
        mixed = F.scaled_dot_product_attention(
            apply_rotary(query, turns)[None],
            apply_rotary(key, turns)[None],
            value[None],
            attn_mask=visible,
            enable_gqa=True,
        )[0]
        x = layer.finish(x, mixed)
    learnt = made.targets >= 0
    return F.cross_entropy(decoder.scores(x[learnt]), made.targets[learnt])


def rate_at(recipe: TextLogRecipe, step: int) -> float:
    """Return the learning rate of `step`: a ramp, then half a cosine."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@dataclass(slots=True, eq=False)
class TextLogRun:
    """A training run in a folder: the adapter, the optimizer and the number of steps."""

    folder: Path
    trained: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    step: int = 0

    @torch.no_grad()
    def resume(self) -> None:
        """Resume the run in the folder, if there is one."""
        file = self.folder / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, weights_only=True)
        for name, value in self.trained.items():
            value.copy_(state["trained"][name])
        self.optimizer.load_state_dict(state["optimiser"])
        self.step = state["step"]

    @torch.no_grad()
    def begin(self, file: Path) -> None:
        for name, value in lora.read(file).tensors.items():
            self.trained[name].copy_(value)

    def advance(self, chat: DenseChatModel, recipe: TextLogRecipe) -> None:
        """Make one step; log the loss before it and the norm of the gradient."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(recipe, self.step)
        total = 0.0
        for index in range(recipe.logs):
            made = sequence(chat, make(recipe.first + self.step * recipe.logs + index))
            loss = loss_of(chat.decoder, made) / recipe.logs
            loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
            total += float(loss.detach())
        norm = nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        logger.info("step %d: loss %.3f, gradient %.2f", self.step, total, norm)

    def save(self) -> None:
        """Save the state and the adapter (float16)."""
        folder = self.folder
        state = {
            "step": self.step,
            "trained": self.trained,
            "optimiser": self.optimizer.state_dict(),
        }
        save_state(folder / "state.pt", state)
        lora.save(self.trained, folder / "adapter.safetensors", {"step": str(self.step)})
        logger.info("saved after step %d", self.step)


def train(
    chat: DenseChatModel,
    recipe: TextLogRecipe,
    folder: Path,
    *,
    minutes: float,
    begin: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train until `recipe.steps`, or for `minutes`; save regularly and at the end.

    A new run starts from the adapter `begin`, if one is given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trained = lora.attach(
        chat.decoder.projections(),
        rank=recipe.rank,
        alpha=recipe.rank,
        rng=torch.Generator().manual_seed(recipe.seed),
    )
    optimizer = torch.optim.AdamW(trained.values(), lr=recipe.rate, weight_decay=0.01)
    run = TextLogRun(folder, trained, optimizer)
    run.resume()
    if run.step == 0 and begin is not None:
        run.begin(begin)
    for _ in training_steps(
        lambda: run.step < recipe.steps, run.save, minutes=minutes, clock=clock
    ):
        run.advance(chat, recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--folder", type=Path, default=Path(".cache/eyeline/training/text-log"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=TextLogRecipe().steps)
    parser.add_argument("--begin", type=Path, help="adapter that a new run starts from")
    parser.add_argument("--logs", type=int, default=TextLogRecipe().logs, help="in a step")
    parser.add_argument("--warmup", type=int, default=TextLogRecipe().warmup)
    parser.add_argument("--rate", type=float, default=TextLogRecipe().rate)
    parser.add_argument("--first", type=int, default=TextLogRecipe().first, help="number of a log")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--validate", type=int, default=0, help="logs to score, without training")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    chat = load(options.weights / "smollm2-135m")
    if not options.validate:
        recipe = TextLogRecipe(
            steps=options.steps,
            logs=options.logs,
            warmup=options.warmup,
            rate=options.rate,
            first=options.first,
        )
        with lock_folder(options.folder, parser):
            train(chat, recipe, options.folder, minutes=options.minutes, begin=options.begin)
        return
    adapter = options.folder / "adapter.safetensors"
    if adapter.exists():
        lora.merge(chat.decoder.projections(), lora.read(adapter))
    tally = validate(chat, options.validate)
    for kind, (right, count) in sorted(tally.items()):
        logger.info("%-10s %3d of %3d", kind, right, count)
    right, count = (sum(part) for part in zip(*tally.values(), strict=True))
    logger.info("all        %3d of %3d = %.2f", right, count, right / count)


if __name__ == "__main__":
    main()
