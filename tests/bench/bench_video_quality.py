"""Score the video model: `python -m tests.bench.bench_video_quality --sampler motion-stream`.

First the codec's decibels on held-out clips. Then each sampler generates held-out captions and
tracks of one thing, and the frames are scored:

- track error: how far the thing is from where the track says, in pixels. The thing is found as what
  differs from the picture's median over time, so the same measure on real clips is the floor;
  beside it a stream that got another clip's track.
- class and background: the names by `probe`, with its score on real held-out clips.
- Fréchet distance to real clips of the same captions, by the probe's features; beside it that
  of other real clips.
- switch: the seconds of pictures until the probe names the background of a prompt that took the
  place of another, where the pictures count from the chunk that came out next.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.loading import SmallVideoModel, find_files, load_codec, load_files
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.pictures import load as load_pictures
from models.training.video.clips.composition import VideoClip, compose
from models.training.video.train_codec import CodecRecipe, decibels
from tests.bench.drawn_stream import Track, along, drawn_chunks
from tests.bench.prompt_switch import delays
from tests.bench.video_probe import (
    GROUND_NAMES,
    KIND_NAMES,
    Probe,
    frechet,
    right,
    train,
    views,
)

logger = logging.getLogger(__name__)

LONG = 40  # pictures of a clip
OTHERS = 10_000  # the first seed of other real clips

Shown = NDArray[np.uint8]


def shown(drawing: SmallVideoModel, name: str, text: str, track: Track, *, seed: int) -> Shown:
    """Return a clip for `text` along `track` (things, frames, 2) by sampler `name`."""
    return np.concatenate(list(drawn_chunks(drawing, name, along(text, track), seed=seed)))


def found(pictures: Shown) -> NDArray[np.float64]:
    """Return the position of the moving thing in each picture, (pictures, 2): x, y in [0, 1]."""
    still = np.median(pictures, 0)
    change = np.abs(pictures.astype(np.float64) - still).sum(3)
    change = np.clip(change - 60, 0, None)  # of 765: below it is noise and texture
    change += 1e-9
    rows, columns = np.mgrid[: pictures.shape[1], : pictures.shape[2]] + 0.5
    total = change.sum((1, 2))
    places = [(change * grid).sum((1, 2)) / total for grid in (columns, rows)]
    middles: NDArray[np.float64] = np.stack(places, 1) / pictures.shape[1]
    return middles


def track_error(pictures: Shown, track: NDArray[np.float32]) -> float:
    """Return the mean distance in pixels between `track` (pictures, 2) and the found positions."""
    count = min(len(pictures), len(track))
    return float(
        np.linalg.norm(found(pictures[:count]) - track[:count], axis=1).mean() * pictures.shape[1]
    )


def moving_clips(pictures: LookPictures, count: int, size: int, seed: int = 0) -> list[VideoClip]:
    """Return held-out clips of one thing that crosses much of the frame, from seed `seed` on."""
    clips: list[VideoClip] = []
    while len(clips) < count:
        clip = compose(pictures, seed, size=size, frames=LONG, held_out=True)
        way = np.ptp(clip.tracks[0], axis=0).max()
        if len(clip.kinds) == 1 and way > 0.3:
            clips.append(clip)
        seed += 1
    return clips


def looks(made: Sequence[Shown], clips: Sequence[VideoClip], every: int) -> tuple[Tensor, Tensor]:
    """Return the probe's crops of each `every`-th picture except the first."""
    parts = [
        views(pictures[frame], clip.tracks[0, frame])
        for pictures, clip in zip(made, clips, strict=True)
        for frame in range(every, LONG, every)
    ]
    cuts, wholes = zip(*parts, strict=True)
    return torch.stack(cuts), torch.stack(wholes)


def judged(probe: Probe, made: Sequence[Shown], clips: Sequence[VideoClip]) -> tuple[float, float]:
    """Return the shares of pictures in which the probe names the clip's thing, and background."""
    seen = looks(made, clips, 10)
    each = len(seen[0]) // len(clips)
    kinds = torch.tensor([KIND_NAMES.index(clip.kinds[0]) for clip in clips])
    grounds = torch.tensor([GROUND_NAMES.index(clip.background) for clip in clips])
    return right(probe, (*seen, kinds.repeat_interleave(each), grounds.repeat_interleave(each)))


def score(
    drawing: SmallVideoModel,
    name: str,
    clips: Sequence[VideoClip],
    others: Sequence[VideoClip],
    probe: Probe,
    folder: Path | None,
) -> dict[str, float]:
    """Return the scores of a sampler on the captions and tracks of `clips`, and its controls.

    `others` are as many real clips, for the distance between such clips.
    """
    made: list[Shown] = []
    other: list[Shown] = []
    for number, clip in enumerate(clips):
        strange = clips[(number + 1) % len(clips)].tracks
        for out, track in ((made, clip.tracks), (other, strange)):
            out.append(shown(drawing, name, clip.caption, track, seed=number))
    if folder:
        write_contact_sheet(made, folder / f"{name}.png")
    kinds, grounds = judged(probe, made, clips)
    truth = [clip.frames for clip in clips]
    real = judged(probe, truth, clips)
    aim = looks(truth, clips, 4)
    errors = {"track": made, "track_of_another": other, "floor": truth}
    waits = delays(drawing, name, clips, probe)
    return {
        **{
            what: float(
                np.mean([track_error(p, c.tracks[0]) for p, c in zip(each, clips, strict=True)])
            )
            for what, each in errors.items()
        },
        "class": kinds,
        "class_of_real": real[0],
        "background": grounds,
        "background_of_real": real[1],
        "frechet": frechet(probe, aim, looks(made, clips, 4)),
        "frechet_of_real": frechet(probe, aim, looks([c.frames for c in others], others, 4)),
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
    files, pictures = find_files(options.model, enlarged=False), load_pictures(options.pictures)
    drawing = load_files(files)
    size = drawing.info.size
    ratios = decibels(load_codec(files.codec), pictures, CodecRecipe(size=size))
    logger.info("codec: %.1f dB, the worst clip %.1f", ratios.mean(), ratios.min())
    probe = train(pictures, size)
    clips, others = (moving_clips(pictures, options.clips, size, seed) for seed in (0, OTHERS))
    for name in options.sampler:
        scores = score(drawing, name, clips, others, probe, options.sheets)
        logger.info("%s %s", name, json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
