"""Find the heads that retrieve: `python -m models.training.retrieval_heads --run runs/heads`.

Each key head of each layer has a gate: its attention is gate * full + (1 - gate) * streaming, where
streaming sees the opening and the last tokens only. The gates alone are trained, so that the hidden
vectors of answers stay what they are with full attention, while gates cost. Heads whose gate falls
can stream. What is answered was said long before: `retrieval_samples.py`.

The file `attention_heads.json` in the run's folder belongs beside the weights of the model. The
same command resumes a run; one core is enough for small models.

Source: DuoAttention, Xiao et al. 2024, section 2.2; the distance here is a share of the vector's
length, so that one cost of gates suits all models.
"""

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.language.decoder import Decoder
from models.language.head_set import FILE, write_head_set
from models.rotary import apply_rotary
from models.training.process import append_line, lock_folder, save_state, training_steps
from models.training.retrieval_samples import (
    MakeSample,
    RetrievalSample,
    load_samples,
    packaged_samples,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecipe:
    """A run of `steps` samples at a learning `rate`; gates cost `cost` times their mean.

    The share `streaming` of the heads will stream, and see the last `recent` tokens.
    """

    steps: int = 200
    rate: float = 0.03
    cost: float = 0.05
    streaming: float = 0.5
    recent: int = 1024


def gated_hidden(decoder: Decoder, sample: RetrievalSample, gates: Tensor | None) -> Tensor:
    """Return the hidden vectors of the answer's tokens, (tokens, width).

    `gates` are (layers, key heads); without them all attention is full.
    """
    turns = decoder.config.rotary.cos_sin(sample.positions)
    x = sample.x
    for index, layer in enumerate(decoder.layers):
        query, key, value = layer.project(x)
        turned = apply_rotary(query, turns), apply_rotary(key, turns), value
        mixed = _attention(*turned, sample.full)
        if gates is not None:
            gate = gates[index].repeat_interleave(len(query) // len(key))[:, None, None]
            mixed = gate * mixed + (1 - gate) * _attention(*turned, sample.streaming)
        x = layer.finish(x, mixed)
    return x[sample.answers]


def _attention(query: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(
        query[None], key[None], value[None], attn_mask=visible, enable_gqa=True
    )[0]


def gate_loss(
    decoder: Decoder, sample: RetrievalSample, gates: Tensor, cost: float
) -> tuple[Tensor, Tensor]:
    """Return the loss of a sample, and the part of it that is distance from full attention."""
    with torch.no_grad():
        full = gated_hidden(decoder, sample, None).float()
    off = (gated_hidden(decoder, sample, gates).float() - full).square().sum(-1)
    distance = (off / full.square().sum(-1)).mean()
    return distance + cost * gates.mean(), distance


@dataclass(slots=True, eq=False)
class GateRun:
    """A run in a folder: the gates, the optimizer and the number of steps."""

    folder: Path
    gates: nn.Parameter
    optimizer: torch.optim.Optimizer
    step: int = 0

    @torch.no_grad()
    def resume(self) -> None:
        """Resume the run in the folder, if there is one."""
        file = self.folder / "run.pt"
        if file.exists():
            state = torch.load(file, weights_only=True)
            self.gates.copy_(state["gates"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def advance(self, decoder: Decoder, sample: RetrievalSample, recipe: GateRecipe) -> None:
        """Make one step, and log it."""
        loss, distance = gate_loss(decoder, sample, self.gates, recipe.cost)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        self.optimizer.step()
        with torch.no_grad():
            self.gates.clamp_(0, 1)
        self.step += 1
        mean = float(self.gates.detach().mean())
        line = {"step": self.step, "distance": float(distance.detach()), "gates": mean}
        append_line(self.folder / "log.jsonl", line)
        logger.info("step %d: distance %.4f, mean gate %.3f", *line.values())

    def save(self, recipe: GateRecipe) -> None:
        """Save the state, and the head set of the gates as they are."""
        optimizer = self.optimizer.state_dict()
        state = {"gates": self.gates.detach(), "optimizer": optimizer, "step": self.step}
        save_state(self.folder / "run.pt", state)
        gates = self.gates.detach().tolist()
        write_head_set(self.folder / FILE, gates, recipe.streaming, recent=recipe.recent)


def train(
    decoder: Decoder,
    sample: MakeSample,
    recipe: GateRecipe,
    folder: Path,
    *,
    minutes: float,
    clock: Callable[[], float] = time.monotonic,
) -> GateRun:
    """Train until `recipe.steps`, or for `minutes`; save regularly and at the end.

    `sample` returns that of a step. The weights of `decoder` do not change.
    """
    config, like = decoder.config, decoder.like
    gates = nn.Parameter(torch.ones(config.layers, config.key_heads, device=like.device))
    run = GateRun(folder, gates, torch.optim.Adam([gates], lr=recipe.rate))
    run.resume()
    for _ in training_steps(
        lambda: run.step < recipe.steps, lambda: run.save(recipe), minutes=minutes, clock=clock
    ):
        run.advance(decoder, sample(run.step), recipe)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a Video-LLM (the packaged model)")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    usual = GateRecipe()
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--rate", type=float, default=usual.rate)
    parser.add_argument("--cost", type=float, default=usual.cost, help="of gates")
    parser.add_argument("--streaming", type=float, default=usual.streaming, help="share")
    parser.add_argument("--recent", type=int, default=usual.recent, help="tokens")
    parser.add_argument("--length", type=int, default=4096, help="tokens of a sample")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(given.threads)
    if given.model is None:
        decoder, sample = packaged_samples(given.weights, recent=given.recent, length=given.length)
    else:
        decoder, sample = load_samples(
            given.model, recent=given.recent, length=given.length, device=given.device
        )
    names = ("steps", "rate", "cost", "streaming", "recent")
    recipe = GateRecipe(**{name: getattr(given, name) for name in names})
    with lock_folder(given.run, parser):
        run = train(decoder, sample, recipe, given.run, minutes=given.minutes)
    logger.info("%s after %d steps", given.run / FILE, run.step)


if __name__ == "__main__":
    main()
