"""Train adapters for block-wise Whisper: `python -m models.training.asr.causal_whisper`.

A step encodes a batch once, under the block mask of a random chunk size, and queries the decoder
about many moments of each item in one pass (see `queries`). The unchanged encoder reads the whole
clean sound and gives the target of each frame. The same command resumes a run: the data of a step
depend only on its number.

Sources: CarelessWhisper, Krichli et al. 2025; LoRA, Hu et al. 2021.
"""

import argparse
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr.streaming.causal_encoder import BlockSizes, encode_masked
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.streaming.running_mel import running_log_mel
from models.asr.whisper.alignment import FRAME
from models.asr.whisper.mel import log_mel
from models.training.asr.adapter_run import (
    AdapterRun,
    AdapterTrainingConfig,
    averaged,
    open_run,
    save_run,
)
from models.training.asr.clips import SpeechClip, pack_clips
from models.training.asr.mixing import TrainingItem, Utterance, mix, without_start
from models.training.asr.queries import (
    EARLY,
    IGNORED,
    LATE,
    MAIN,
    build_queries,
    decode_queries,
    pack,
)
from models.training.asr.scoring import score_stream
from models.training.precision import products_on
from models.training.process import lock_folder, training_steps

logger = logging.getLogger(__name__)


def items(run: AdapterRun, rng: np.random.Generator) -> list[TrainingItem]:
    """Return the batch that `rng` draws."""
    config = run.config
    engines = [name for name, _ in config.engines]
    odds = np.array([share for _, share in config.engines])
    fresh = min(1.0, (config.pool + config.growth * run.step) / len(run.clips.all))
    pools = {name: run.pools[name][: max(1, int(fresh * len(run.pools[name])))] for name in engines}

    def pick() -> SpeechClip:
        pool = pools[engines[rng.choice(len(engines), p=odds / odds.sum())]]
        return pool[rng.integers(len(pool))]

    def draw() -> Utterance:
        clip = pick()
        tokens, ends = run.ends.tokens(clip, run.student.tokenizer)
        return Utterance(run.clips.samples(clip), tokens, ends)

    def item(length: int) -> TrainingItem:
        before = None
        if rng.random() < config.prompted:
            example = draw()
            before = without_start(
                example, int(rng.integers(1, len(example.tokens) + 1)), config.prompt
            )
        return mix(
            draw,
            lambda: run.clips.samples(pick()),
            length,
            rng,
            before=before,
            margin=config.margin,
        )

    seconds = int(rng.choice(config.seconds))
    count = max(1, round(config.batch_seconds / seconds))
    return [item(seconds * 50 * FRAME) for _ in range(count)]


def rate(config: AdapterTrainingConfig, step: int) -> float:
    rising = (step + 1) / config.warmup
    falling = (config.end - step) / (config.end - config.hold)
    return config.rate * max(0.01, min(1.0, rising, falling))


def advance(run: AdapterRun) -> dict[str, float]:
    """Do one step and return its losses."""
    config = run.config
    rng = np.random.default_rng([config.seed, run.step])
    sizes, odds = zip(*config.chunks, strict=True)
    chunk = int(rng.choice(sizes, p=np.array(odds) / sum(odds)))
    blocks = BlockSizes(chunk=chunk) if chunk else None
    batch = items(run, rng)
    with products_on(run.device):
        loss, parts = _loss(run, batch, blocks, rng)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    norm = nn.utils.clip_grad_norm_(run.trained, 1.0)
    for group in run.optimizer.param_groups:
        group["lr"] = rate(config, run.step)
    run.optimizer.step()
    weight = min(config.average, run.step / (run.step + 10))
    for mean, parameter in zip(run.average, run.trained, strict=True):
        mean.lerp_(parameter.data, 1 - weight)
    run.step += 1
    return {"step": run.step, "chunk": chunk, "loss": loss.item(), "norm": float(norm), **parts}


def _loss(
    run: AdapterRun, batch: list[TrainingItem], blocks: BlockSizes | None, rng: np.random.Generator
) -> tuple[Tensor, dict[str, float]]:
    config, model = run.config, run.network
    mel = torch.stack([running_log_mel(item.augmented) for item in batch]).to(run.device)
    encoded = encode_masked(model, mel, blocks)
    with torch.no_grad():
        clean = torch.stack([log_mel(item.clean) for item in batch]).to(run.device)
        wanted = encode_masked(run.teacher, clean, None).float()
    distance = (encoded.float() - wanted).square().mean() / wanted.var()
    tokenizer, frames = run.student.tokenizer, encoded.shape[1]
    packed = pack(
        [
            build_queries(
                tokenizer.opening(None, timestamps=False, prompt=item.before),
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
    ).to(run.device)
    hidden = decode_queries(model, encoded, packed)
    asked = packed.answers != IGNORED
    scores = model.logits(hidden[asked]).float()
    kinds, answers = packed.kinds[asked], packed.answers[asked]
    losses = F.cross_entropy(scores, answers, reduction="none")
    weight = torch.tensor([1.0, config.early, config.late], device=run.device)[kinds]
    loss = (losses * weight).sum() / weight.sum() + config.distil * distance
    right = (scores.argmax(1) == answers).float()
    parts = {"distance": distance.item()}
    for kind, name in ((MAIN, "main"), (EARLY, "early"), (LATE, "late")):
        chosen = kinds == kind
        if chosen.any():
            parts[name] = losses[chosen].mean().item()
            parts[f"{name}_right"] = float(right[chosen].mean())
    return loss, parts


def train(run: AdapterRun, steps: int, validate: Callable[[AdapterRun], None], every: int) -> None:
    """Step until `steps` or a signal to end; the losses go to log.jsonl."""
    used = time.process_time()
    with (run.folder / "log.jsonl").open("a") as log:
        for _ in training_steps(lambda: run.step < steps, lambda: save_run(run)):
            parts = advance(run)
            run.cpu, used = run.cpu + time.process_time() - used, time.process_time()
            log.write(json.dumps({**parts, "cpu": round(run.cpu, 1)}) + "\n")
            log.flush()
            if run.step % every == 0:
                validate(run)
                used = time.process_time()


def validate(run: AdapterRun) -> None:
    """Stream some clips of the held-out engines, and log the errors by kind."""
    held = [clip for clip in run.clips.all if clip.engine in run.config.held_out]
    order = np.random.default_rng(run.config.seed).permutation(len(held))
    chosen = [held[i] for i in order[: run.config.validation]]
    notes: dict[str, object] = {"step": run.step, "cpu": round(run.cpu, 1)}
    with averaged(run):
        for chunk in (15, 50):
            model = CausalStream(run.student, CausalStreamConfig(chunk=chunk))
            total = score_stream(model, ((run.clips.samples(clip), clip.text) for clip in chosen))
            notes[f"chunk {chunk}"] = asdict(total)
            logger.info("step %d, chunk %d: %s", run.step, chunk, total)
    with (run.folder / "validation.jsonl").open("a") as lines:
        lines.write(json.dumps(notes) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--clips", type=Path, required=True, help="folder of packed clips")
    parser.add_argument("--pack", type=Path, nargs="*", default=[], help="corpora to pack first")
    parser.add_argument("--weights", type=Path, required=True, help="folder of fetched weights")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--end", type=int, help="the step at which the rate has fallen to nothing")
    parser.add_argument("--device", type=torch.device, help="by default the CPU")
    parser.add_argument("--every", type=int, default=200, help="steps between validations")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    held = lock_folder(given.run, parser)
    pack_clips(given.pack, given.clips, logger.info)
    config = AdapterTrainingConfig(model=given.model)
    if given.end is not None:
        config = replace(config, end=given.end, hold=given.end * config.hold // config.end)
    run = open_run(config, given.clips, given.run, given.weights, given.device)
    (given.run / "config.json").write_text(json.dumps(asdict(config), indent=1))
    logger.info("%d clips, from step %d", len(run.clips.all), run.step)
    with held:
        train(run, given.steps, validate, given.every)


if __name__ == "__main__":
    main()
