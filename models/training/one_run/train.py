"""Train codec, drawing model and few-step model in one run of minutes on one GPU.

    python -m models.training.one_run.train --pictures PICTURES.zip --minutes 9.5 --out FOLDER

The cores beside the GPU compose clips all the time. FOLDER gets the weights in float16, a file of
less than 16 MiB each, at least every minute; the same command continues a run that was cut, from
these weights.
"""

import argparse
import logging
import os
import time
from pathlib import Path

import torch

from models.training.one_run.composing import AHEAD, ClipStream, processes
from models.training.one_run.few_step import train_few_step
from models.training.one_run.run import RunConfig, VideoRun
from models.training.one_run.time_budget import SHARES, TimeBudget, read_progress
from models.training.one_run.video import LatentPool, train_codec, train_drawing
from models.training.video.latents import PreparedClip

logger = logging.getLogger(__name__)

SPARE = 8.0  # seconds to save at the end
FIRST = 100_000_000  # seeds of a run that continues begin at a multiple of it


def train(run: VideoRun, budget: TimeBudget, steps: int | None = None) -> None:
    """Train all phases that are not done yet, each for at most `steps` steps."""
    done = read_progress(run.folder)
    clips: list[PreparedClip] = []
    pool: LatentPool | None = None
    for phase in phases_left(run.folder):
        time_of_phase = budget.allot(phase, before=done.get(phase, 0.0), steps=steps)
        logger.info("%s for %.0f s", phase, time_of_phase.end - time_of_phase.start)
        if phase == "codec":
            clips = train_codec(run, time_of_phase)
        else:
            pool = pool or LatentPool(run, clips)
            (train_drawing if phase == "drawing" else train_few_step)(run, time_of_phase, pool)
        if read_progress(run.folder)[phase] < 1:
            return  # by a signal


def phases_left(folder: Path) -> list[str]:
    done = read_progress(folder)
    return [phase for phase in SHARES if done.get(phase, 0.0) < 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--pictures", type=Path, default=root / "pictures" / "pictures.zip")
    parser.add_argument("--out", type=Path, default=root / "one-run")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int, help="of each phase at most")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--clips", type=int, default=256, help="of a drawing step")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--no-compile", action="store_true", help="run layers as they are")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes - SPARE
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_float32_matmul_precision("high")
    options.out.mkdir(parents=True, exist_ok=True)
    config = RunConfig(
        device=options.device,
        size=options.size,
        clips=options.clips,
        compiled=not options.no_compile,
    )
    begun = sum(1 + round(1000 * done) for done in read_progress(options.out).values())
    with processes(options.workers) as executor:
        stream = ClipStream(
            executor,
            options.pictures,
            size=config.size,
            frames=4 * config.latents,
            ahead=AHEAD * options.workers,
            first=FIRST * begun,
        )
        run = VideoRun(config, options.out, stream)
        train(run, TimeBudget(phases_left(options.out), end, time.monotonic), options.steps)
        executor.shutdown(cancel_futures=True)


if __name__ == "__main__":
    main()
