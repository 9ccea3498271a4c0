"""Score the video model: `python -m tests.bench.bench_video_quality --sampler motion-stream`.

First the codec's decibels on held-out clips. Then each sampler draws prompts of one thing, each
along a path, and the frames are scored beside the same scenes composed of the model's own looks,
which is what a perfect model would draw:

- path: how far the thing is from its path, in pixels. The thing is found as what differs from the
  picture's median over time, so the same measure on the composed clips is the floor; beside it that
  of a stream that got another scene's path.
- thing and background: the share of frames in which the nearest of all kinds, and of all
  backgrounds, is what the prompt names (`look_judge.py`).
- distance: decibels to the composed clip.
- switch: the seconds of pictures until the background of a prompt that took the place of another is
  the nearest, where the pictures count from the chunk that came out next.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.loading import SmallVideoModel, find_files, load_codec, load_files
from models.generation.small.looks.pictures import load as load_pictures
from models.training.video.train_codec import CodecRecipe, decibels
from tests.bench.drawn_scenes import LONG, DrawnScene, moving_scenes, path_error
from tests.bench.drawn_stream import Shown, along, drawn_chunks
from tests.bench.look_judge import LookJudge, Points, distance, named, to_decibels
from tests.bench.prompt_switch import delays

logger = logging.getLogger(__name__)

JUDGED = range(10, LONG, 10)  # the frames of a clip whose thing and background are named


def drawn(drawing: SmallVideoModel, name: str, text: str, path: Points) -> Shown:
    """Return a clip for `text` along `path` (frames, 2) by sampler `name`."""
    return np.concatenate(list(drawn_chunks(drawing, name, along(text, path[None]), seed=0)))


def named_right(
    judge: LookJudge, made: Sequence[Shown], scenes: Sequence[DrawnScene]
) -> tuple[float, float]:
    """Return the shares of frames in which the nearest thing, and background, is the scene's."""
    things, grounds = [], []
    for frames, scene in zip(made, scenes, strict=True):
        for number in JUDGED:
            place = scene.path[number]
            things.append(judge.kind(frames[number], scene.ground, place) == scene.kind)
            grounds.append(judge.ground(frames[number], place) == scene.ground)
    return float(np.mean(things)), float(np.mean(grounds))


def score(
    drawing: SmallVideoModel,
    name: str,
    scenes: Sequence[DrawnScene],
    judge: LookJudge,
    folder: Path | None,
) -> dict[str, float]:
    """Return the scores of a sampler on `scenes`, and its controls."""
    made = [drawn(drawing, name, scene.text, scene.path) for scene in scenes]
    strange = [*scenes[1:], scenes[0]]
    other = [
        drawn(drawing, name, scene.text, another.path)
        for scene, another in zip(scenes, strange, strict=True)
    ]
    truth = [scene.composed(judge) for scene in scenes]
    if folder:
        write_contact_sheet(made, folder / f"{name}.png")
    errors = {"path": made, "path_of_another": other, "floor": truth}
    things, grounds = named_right(judge, made, scenes)
    waits = delays(drawing, name, scenes, judge)
    apart = [distance(one[:LONG], two) for one, two in zip(made, truth, strict=True)]
    return {
        **{
            what: float(np.mean([path_error(p, s.path) for p, s in zip(each, scenes, strict=True)]))
            for what, each in errors.items()
        },
        "thing": things,
        "background": grounds,
        "decibels": float(np.mean([to_decibels(error) for error in apart])),
        "switch_median": float(np.median(waits)),
        "switch_longest": max(waits),
    }


def write_contact_sheet(clips: Sequence[Shown], file: Path, every: int = 5) -> None:
    """Write a contact sheet: a clip in each row, each `every`-th picture, twice as large."""
    rows = [np.concatenate(list(clip[::every]), 1) for clip in clips]
    width = min(row.shape[1] for row in rows)
    whole = np.concatenate([row[:, :width] for row in rows])
    picture = Image.fromarray(whole)
    picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST).save(file)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a folder, as `ship --to` writes it")
    parser.add_argument(
        "--pictures", type=Path, default=Path(".cache/eyeline/training/pictures/pictures.zip")
    )
    parser.add_argument("--sampler", choices=DEFAULT_STEPS, nargs="+", default=list(DEFAULT_STEPS))
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    options = parser.parse_args()
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    files = find_files(options.model, enlarged=False)
    drawing = load_files(files)
    if drawing.looks is None:
        parser.error("this model takes no looks: there is nothing to compare with")
    judge = LookJudge(named(drawing.looks, drawing.info.vocabulary), drawing.info.size)
    drawing = replace(drawing, looks=judge.pictures)
    recipe = CodecRecipe(size=drawing.info.size)
    ratios = decibels(load_codec(files.codec), load_pictures(options.pictures), recipe)
    logger.info("codec: %.1f dB, the worst clip %.1f", ratios.mean(), ratios.min())
    scenes = moving_scenes(judge, options.clips)
    for name in options.sampler:
        scores = score(drawing, name, scenes, judge, options.sheets)
        logger.info("%s %s", name, json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
