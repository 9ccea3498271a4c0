"""Train an ANCAT: `python -m models.training.ancat.train --run FOLDER ...`.

One run for each row of a table, all of the same size and with the same data in the same order. To
save a day for each row, they share a first run, in which every step draws the look-ahead of all
frames:

    python -m models.training.ancat.train --run runs/shared --shared --clips FILE --weights FOLDER
    python -m models.training.ancat.train --run runs/causal --mode causal --start runs/shared ...
    python -m models.training.ancat.train --run runs/fixed-2 --mode fixed --ahead 2 --start ...
    python -m models.training.ancat.train --run runs/late-01 --mode adaptive --late 0.01 --start ...
    python -m models.training.ancat.train --run runs/full --mode full --start runs/shared ...

The same command resumes a stopped run (SIGTERM saves it at once) with its original settings;
`--steps` is the last step. The folder holds `run.pt` (the state, saved after every three minutes of
work), `ancat.safetensors` (the smoothed weights), `log.jsonl` and `validation.jsonl`. Give the rows
equal `--steps`, and "adaptive" a `--late` between 0.002 and 0.02: the loss of a letter ends at a
few tenths, and look-ahead is at most 32 frames of 40 ms. Then

    python -m tests.bench.bench_ancat runs/*

prints word errors against mean and 95th percentile of look-ahead.
`python -m models.training.ancat.ship RUN/ancat.safetensors` writes a run as the model that ships.

A step reads 40 s of augmented sound in 1.3 CPU seconds on one core. The joiner runs only for
letters near their place by a head trained with CTC (`band`): for all letters it would be half the
work.

Sources: ANCAT, Strimel et al. 2023; joint training with CTC, Watanabe et al. 2017.
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

from models.asr.ancat.network import MODES, AncatConfig, Mode
from models.asr.ancat.transducer import BLANK
from models.training.ancat.band import banded_loss, bands
from models.training.ancat.batch import IGNORED, AncatBatch, TrainingUtterance, make_batch
from models.training.ancat.run import (
    AncatRun,
    AncatTrainingConfig,
    averaged,
    draw_clip,
    open_run,
    save_run,
    update_average,
)
from models.training.ancat.score import score_clips
from models.training.precision import FastProducts
from models.training.process import append_line, lock_folder, training_steps

logger = logging.getLogger(__name__)


def factor(config: AncatTrainingConfig, step: int) -> float:
    """Return the factor of the learning rates at `step`."""
    rising = (step + 1) / config.warmup
    falling = (config.end - step) / (config.end - config.warmup)
    return max(0.01, min(1.0, rising, falling))


def temperature(config: AncatTrainingConfig, step: int) -> float:
    """Return the gates' temperature at `step`: from 1 it falls by equal factors, then stays."""
    return float(config.cold ** min(1.0, step / config.cooling))


def advance(run: AncatRun) -> dict[str, object]:
    """Do one step and return its losses."""
    config = run.config
    rng = np.random.default_rng([config.seed, run.step])

    def draw() -> TrainingUtterance:
        spelled = draw_clip(run, rng)
        return TrainingUtterance(run.clips.samples(spelled.clip), spelled.units, spelled.times)

    heard = make_batch(draw, config.batch_seconds, config.longest, rng)
    mode: Mode | None = None
    ahead: int | None = None
    if config.shared:
        mode = ("causal", "fixed", "full")[rng.integers(3)]
        ahead = int(rng.integers(1, config.model.ahead + 1))
    loss, parts = losses(run, heard, mode, ahead)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    norm = nn.utils.clip_grad_norm_(run.parameters, 2.0)
    for group in run.optimizer.param_groups:
        group["lr"] = group["peak"] * factor(config, run.step)
    run.optimizer.step()
    update_average(run)
    run.step += 1
    run.sound += heard.seconds
    return {"step": run.step, "loss": loss.item(), "norm": float(norm), **parts}


def losses(
    run: AncatRun, heard: AncatBatch, mode: Mode | None, ahead: int | None
) -> tuple[Tensor, dict[str, object]]:
    """Return the loss per letter, and its parts.

    `mode` and `ahead` replace the model's own, unless they are None.
    """
    config, letters = run.config, max(1, int(heard.counts.sum()))
    with FastProducts():
        cooled = temperature(config, run.step)
        encoded = run.model.encode(heard.mel, temperature=cooled, mode=mode, ahead=ahead)
        aligned = run.ctc(encoded.hidden)
        text = heard.labels, encoded.frames, heard.counts
        starts = bands(aligned, *text, config.rows)
        joined = banded_loss(run.model.transducer, encoded.hidden, starts, *text, config.rows)
    wrong = joined.sum()
    heads = F.ctc_loss(
        aligned.float().log_softmax(2).transpose(0, 1),
        heard.labels,
        encoded.frames,
        heard.counts,
        blank=BLANK,
        reduction="sum",
        zero_infinity=True,
    )
    delay = encoded.delays().mean()
    loss = (wrong + config.ctc * heads) / letters + config.late * delay
    guide = max(0.0, 1 - run.step / config.guided)
    guessed = 0.0
    if guide and (heard.guide != IGNORED).any():
        guide_loss = F.cross_entropy(
            aligned.float().flatten(0, 1), heard.guide.flatten(), ignore_index=IGNORED
        )
        loss, guessed = loss + guide * guide_loss, guide_loss.item()
    parts: dict[str, object] = {
        "mode": mode or config.model.mode,
        "transducer": wrong.item() / letters,
        "ctc": heads.item() / letters,
        "guide": guessed,
        "delay": delay.item(),
    }
    return loss, parts


def train(run: AncatRun, steps: int, validate: Callable[[AncatRun], None], every: int) -> None:
    """Step until `steps` or a signal to end; the losses go to log.jsonl."""
    used = time.process_time()
    for _ in training_steps(lambda: run.step < steps, lambda: save_run(run)):
        parts = advance(run)
        run.cpu, used = run.cpu + time.process_time() - used, time.process_time()
        append_line(run.folder / "log.jsonl", {**parts, "cpu": round(run.cpu, 1)})
        if run.step % every == 0:
            validate(run)
            used = time.process_time()


def validate(run: AncatRun) -> None:
    """Transcribe some clips of the held-out engines, and log the errors and look-ahead."""
    order = np.random.default_rng(run.config.seed).permutation(len(run.held))
    chosen = [run.held[i] for i in order[: run.config.validation]]
    pairs = [(run.clips.samples(clip), clip.text) for clip in chosen]
    modes: tuple[Mode, ...] = (run.config.model.mode,)
    if run.config.shared:
        modes = ("causal", "fixed", "full")
    model = averaged(run)
    for mode in modes:
        result = score_clips(model, pairs, mode=mode)
        line = {"step": run.step, "cpu": round(run.cpu, 1), **result.as_dict()}
        append_line(run.folder / "validation.jsonl", line)
        logger.info("step %d, %s", run.step, result)


def settings(given: argparse.Namespace) -> AncatTrainingConfig:
    """Return the settings of a new run, or the original ones of an existing run."""
    file = given.run / "config.json"
    if file.exists():
        kept = json.loads(file.read_text())
        kept["model"] = AncatConfig(**kept["model"])
        for name in ("engines", "held_out"):
            kept[name] = tuple(tuple(x) if isinstance(x, list) else x for x in kept[name])
        return AncatTrainingConfig(**kept)
    mode: Mode = "adaptive" if given.shared else given.mode
    model = AncatConfig(mode=mode, ahead=given.ahead)
    config = AncatTrainingConfig(model=model, shared=given.shared, late=given.late)
    if given.start is not None:
        # The gates of a shared first run are untrained: the rest needs less cooling.
        config = replace(config, warmup=50, end=6000, cooling=1000, guided=1)
    if given.end is not None:
        config = replace(
            config,
            end=given.end,
            warmup=min(config.warmup, given.end // 10),
            cooling=given.end // 2,
            guided=min(config.guided, given.end // 2),
        )
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--clips", type=Path, required=True, help="folder of packed clips")
    parser.add_argument("--weights", type=Path, required=True, help="folder of fetched weights")
    parser.add_argument("--mode", choices=MODES, default="adaptive")
    parser.add_argument("--ahead", type=int, default=16, help="frames of 20 ms in each layer")
    parser.add_argument("--late", type=float, default=0.0, help="cost of a frame of look-ahead")
    parser.add_argument("--shared", action="store_true", help="draw the look-ahead at each step")
    parser.add_argument("--start", type=Path, help="folder of a run whose weights to start from")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--end", type=int, help="step at which the rates of a new run are at 0")
    parser.add_argument("--every", type=int, default=500, help="steps between validations")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    held = lock_folder(given.run, parser)
    config = settings(given)
    run = open_run(config, given.clips, given.run, given.weights, start=given.start)
    (given.run / "config.json").write_text(json.dumps(asdict(config), indent=1))
    logger.info("%d clips, from step %d", sum(map(len, run.pools.values())), run.step)
    with held:
        train(run, given.steps, validate, given.every)


if __name__ == "__main__":
    main()
