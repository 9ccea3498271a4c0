"""Train adapters that let Whisper hear in blocks: `python -m models.training.causal_whisper`.

One step encodes a batch of items once, under the block mask of a chunk size drawn for the
step, and asks the decoder about many moments of each item in one pass (see `queries`). The
unchanged encoder, which hears the clean sound whole, shows what each frame should become.
A run is resumed by the same command; every step draws its data from its own number.

Sources: CarelessWhisper, Krichli et al. 2025; LoRA, Hu et al. 2021.
"""

import argparse
import copy
import json
import logging
import resource
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr import lora, recogniser
from models.asr.align import FRAME
from models.asr.causal import Blocks, encode_masked
from models.asr.causal_stream import CausalConfig, CausalStream
from models.asr.mel import Samples, log_mel
from models.asr.recogniser import Recogniser
from models.asr.running_mel import running_log_mel
from models.asr.whisper import Whisper
from models.training import clips as packed_clips
from models.training.clips import Clip, Clips
from models.training.ends import Ends
from models.training.mixing import Item, mix
from models.training.queries import EARLY, IGNORED, LATE, MAIN, answer, ask, pack
from models.training.scoring import streamed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """A run. `chunks` are frames of 20 ms with their odds; 0 stands for the whole item at once.

    Utterances are aligned when they are first drawn; so that this does not come all at once,
    they are drawn from `pool` of them at first, and from `growth` more with each step.
    `margin` is how many frames after a word's end the model is asked for it. `distil` weighs
    the distance to the unchanged encoder against the cross-entropy of the answers.
    """

    model: str = "tiny.en"
    rank: int = 32
    seed: int = 1
    rate: float = 1e-3
    warmup: int = 30
    seconds: tuple[int, ...] = (5, 7, 10, 13, 20)
    batch_seconds: int = 40
    chunks: tuple[tuple[int, float], ...] = ((5, 0.2), (15, 0.5), (50, 0.2), (0, 0.1))
    engines: tuple[tuple[str, float], ...] = (
        ("hibari", 0.45),
        ("pico", 0.2),
        ("flite", 0.15),
        ("piper", 0.2),
    )
    held_out: tuple[str, ...] = ("kokoro", "festival")
    validation: int = 8
    margin: int = 8
    pool: int = 300
    growth: int = 1
    distil: float = 1.0
    early: float = 0.7
    late: float = 0.5
    average: float = 0.985


@dataclass(eq=False)
class Run:
    """What a run needs at every step; `average` holds the smoothed adapters that are kept."""

    config: TrainingConfig
    folder: Path
    student: Recogniser
    teacher: Whisper
    clips: Clips
    ends: Ends
    trained: list[nn.Parameter]
    optimiser: torch.optim.AdamW
    average: list[Tensor]
    pools: dict[str, list[Clip]]
    step: int = 0
    cpu: float = 0.0


def begin(config: TrainingConfig, clips: Path, folder: Path, weights: Path) -> Run:
    """Return the run in `folder`, where it was left or at its beginning."""
    student = recogniser.load(config.model, weights)
    teacher = copy.deepcopy(student.model)
    rng = torch.Generator().manual_seed(config.seed)
    trained = lora.attach(student.model, rank=config.rank, alpha=config.rank, rng=rng)
    optimiser = torch.optim.AdamW(trained, lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0)
    loaded = packed_clips.load(clips)
    aligner = recogniser.load("base", weights)
    run = Run(
        config=config,
        folder=folder,
        student=student,
        teacher=teacher,
        clips=loaded,
        ends=Ends(loaded, aligner, clips / "ends.jsonl"),
        trained=trained,
        optimiser=optimiser,
        average=[parameter.detach().clone() for parameter in trained],
        pools=_pools(config, loaded),
    )
    file = folder / "run.pt"
    if file.exists():
        kept = torch.load(file, weights_only=True)
        for parameter, value in zip(trained, kept["trained"], strict=True):
            parameter.data.copy_(value)
        for mean, value in zip(run.average, kept["average"], strict=True):
            mean.copy_(value)
        optimiser.load_state_dict(kept["optimiser"])
        for group in optimiser.param_groups:
            group["lr"] = config.rate
        run.step, run.cpu = kept["step"], kept["cpu"]
    return run


def _pools(config: TrainingConfig, clips: Clips) -> dict[str, list[Clip]]:
    """Return the clips of each engine to train on, in an order that the seed tells."""
    rng = np.random.default_rng(config.seed)
    pools = {}
    for engine, _ in config.engines:
        own = [clip for clip in clips.all if clip.engine == engine]
        pools[engine] = [own[i] for i in rng.permutation(len(own))]
    return pools


def keep(run: Run) -> None:
    """Write the run, so that a stop at any moment loses only the steps since."""
    run.folder.mkdir(parents=True, exist_ok=True)
    state = {
        "trained": [parameter.data for parameter in run.trained],
        "average": run.average,
        "optimiser": run.optimiser.state_dict(),
        "step": run.step,
        "cpu": run.cpu,
    }
    fresh = run.folder / "run.pt.new"
    torch.save(state, fresh)
    fresh.replace(run.folder / "run.pt")
    about: dict[str, str | int | float] = {
        "model": run.config.model,
        "step": run.step,
        "seed": run.config.seed,
    }
    with averaged(run):
        lora.save(run.student.model, run.folder / "adapter.safetensors", about)


class averaged:  # noqa: N801  (reads as a statement: with averaged(run))
    """Within the block, the model has the smoothed adapters."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.own = [parameter.data.clone() for parameter in run.trained]

    def __enter__(self) -> None:
        self._put(self.run.average)

    def __exit__(self, *error: object) -> None:
        self._put(self.own)

    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.run.trained, values, strict=True):
            parameter.data.copy_(value)


def items(run: Run, rng: np.random.Generator) -> list[Item]:
    """Return the batch that `rng` draws."""
    config = run.config
    engines = [name for name, _ in config.engines]
    odds = np.array([share for _, share in config.engines])
    fresh = min(1.0, (config.pool + config.growth * run.step) / len(run.clips.all))
    pools = {name: run.pools[name][: max(1, int(fresh * len(run.pools[name])))] for name in engines}

    def pick() -> Clip:
        pool = pools[engines[rng.choice(len(engines), p=odds / odds.sum())]]
        return pool[rng.integers(len(pool))]

    def draw() -> tuple[Samples, list[int], list[int]]:
        clip = pick()
        tokens, ends = run.ends.tokens(clip, run.student.tokenizer)
        return run.clips.samples(clip), tokens, [end + config.margin for end in ends]

    seconds = int(rng.choice(config.seconds))
    count = max(1, round(config.batch_seconds / seconds))
    length = seconds * 50 * FRAME
    return [mix(draw, lambda: run.clips.samples(pick()), length, rng) for _ in range(count)]


def advance(run: Run) -> dict[str, float]:
    """Do one step and return its losses."""
    config = run.config
    rng = np.random.default_rng([config.seed, run.step])
    sizes, odds = zip(*config.chunks, strict=True)
    chunk = int(rng.choice(sizes, p=np.array(odds) / sum(odds)))
    blocks = Blocks(chunk=chunk) if chunk else None
    batch = items(run, rng)
    with torch.autocast("cpu", torch.bfloat16):
        loss, parts = _loss(run, batch, blocks, rng)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    norm = nn.utils.clip_grad_norm_(run.trained, 1.0)
    for group in run.optimiser.param_groups:
        group["lr"] = config.rate * min(1.0, (run.step + 1) / config.warmup)
    run.optimiser.step()
    weight = min(config.average, run.step / (run.step + 10))
    for mean, parameter in zip(run.average, run.trained, strict=True):
        mean.lerp_(parameter.data, 1 - weight)
    run.step += 1
    return {"step": run.step, "chunk": chunk, "loss": loss.item(), "norm": float(norm), **parts}


def _loss(
    run: Run, batch: list[Item], blocks: Blocks | None, rng: np.random.Generator
) -> tuple[Tensor, dict[str, float]]:
    config, model = run.config, run.student.model
    mel = torch.stack([running_log_mel(item.heard) for item in batch])
    encoded = encode_masked(model, mel, blocks)
    with torch.no_grad():
        clean = torch.stack([log_mel(item.clean) for item in batch])
        wanted = encode_masked(run.teacher, clean, None).float()
    distance = (encoded.float() - wanted).square().mean() / wanted.var()
    tokenizer, frames = run.student.tokenizer, encoded.shape[1]
    packed = pack(
        [
            ask(
                tokenizer.opening(None, timestamps=False),
                item.tokens,
                item.ends,
                frames=frames,
                blocks=blocks,
                end_of_text=tokenizer.end,
                rng=rng,
            )
            for item in batch
        ],
        frames,
    )
    hidden = answer(model, encoded, packed)
    asked = packed.answers != IGNORED
    scores = model.logits(hidden[asked]).float()
    kinds, answers = packed.kinds[asked], packed.answers[asked]
    losses = F.cross_entropy(scores, answers, reduction="none")
    weight = torch.tensor([1.0, config.early, config.late])[kinds]
    loss = (losses * weight).sum() / weight.sum() + config.distil * distance
    right = (scores.argmax(1) == answers).float()
    parts = {"distance": distance.item()}
    for kind, name in ((MAIN, "main"), (EARLY, "early"), (LATE, "late")):
        chosen = kinds == kind
        if chosen.any():
            parts[name] = losses[chosen].mean().item()
            parts[f"{name}_right"] = float(right[chosen].mean())
    return loss, parts


def train(run: Run, steps: int, validate: Callable[[Run], None], every: int) -> None:
    """Step until `steps` or a signal to end; the losses go to log.jsonl."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    kept = datetime.now(UTC)
    used = _cpu()
    with (run.folder / "log.jsonl").open("a") as log:
        while run.step < steps and not stopped:
            parts = advance(run)
            run.cpu, used = run.cpu + _cpu() - used, _cpu()
            log.write(json.dumps({**parts, "cpu": round(run.cpu, 1)}) + "\n")
            log.flush()
            if (datetime.now(UTC) - kept).total_seconds() > 300:
                keep(run)
                kept = datetime.now(UTC)
            if run.step % every == 0:
                validate(run)
                used = _cpu()
    keep(run)


def validate(run: Run) -> None:
    """Stream some clips of the engines that are held out, and note the errors by kind."""
    held = [clip for clip in run.clips.all if clip.engine in run.config.held_out]
    order = np.random.default_rng(run.config.seed).permutation(len(held))
    chosen = [held[i] for i in order[: run.config.validation]]
    notes: dict[str, object] = {"step": run.step, "cpu": round(run.cpu, 1)}
    with averaged(run):
        for chunk in (15, 50):
            model = CausalStream(run.student, CausalConfig(chunk=chunk))
            total = streamed(model, ((run.clips.samples(clip), clip.text) for clip in chosen))
            notes[f"chunk {chunk}"] = asdict(total)
            logger.info("step %d, chunk %d: %s", run.step, chunk, total)
    with (run.folder / "validation.jsonl").open("a") as lines:
        lines.write(json.dumps(notes) + "\n")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--clips", type=Path, required=True, help="folder of packed clips")
    parser.add_argument("--pack", type=Path, nargs="*", default=[], help="corpora to pack first")
    parser.add_argument("--weights", type=Path, required=True, help="folder of fetched weights")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=100, help="steps between validations")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    given.run.mkdir(parents=True, exist_ok=True)
    packed_clips.pack(given.pack, given.clips, logger.info)
    config = TrainingConfig(model=given.model)
    run = begin(config, given.clips, given.run, given.weights)
    (given.run / "config.json").write_text(json.dumps(asdict(config), indent=1))
    logger.info("%d clips, from step %d", len(run.clips.all), run.step)
    train(run, given.steps, validate, given.every)


if __name__ == "__main__":
    main()
