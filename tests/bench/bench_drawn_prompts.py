"""Does the small model draw what prompts say: `python -m tests.bench.bench_drawn_prompts`.

Each prompt is drawn as a session would see it, and a frame two seconds on is compared with what the
prompt could have meant, composed of the model's own looks at the same place: every kind, every
color, every size, or the thing turned round. The nearest one, by squared difference around the
thing, is what was drawn. `--held-out PICTURES` draws and compares looks that no training clip
showed. `--sheet` writes the frames of the first prompts of each part for a person to look at.
"""

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.looks.coloring import COLORED, COLORS
from models.generation.small.looks.layers import thing_layer, through_lens
from models.generation.small.looks.pictures import LookPictures, load
from models.generation.small.looks.sprites import SIZES, backdrop, sprite
from models.generation.small.prompts.vocabulary import Vocabulary, with_article
from tests.bench.drawn_stream import Shown, Track, along, drawn_chunks

logger = logging.getLogger(__name__)

FRAMES = 32
WIDTH = 0.33  # half of the compared part, as a share of the frame
PLACES = ((0.3, 0.35), (0.7, 0.65))  # where two things pass in the middle of their ways
WAY = 0.16  # of the frame, from the middle to each end


@dataclass(frozen=True, slots=True)
class Meant:
    """A thing as a prompt could mean it."""

    kind: str
    size: str = ""
    color: str = ""
    right: bool = False

    @property
    def words(self) -> str:
        return with_article(" ".join(filter(None, (self.size, self.color, self.kind))))


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt of things on `ground`; what each could be instead, itself the first."""

    things: tuple[Meant, ...]
    ground: str
    options: tuple[tuple[Meant, ...], ...]

    @property
    def prompt(self) -> str:
        return f"{' and '.join(thing.words for thing in self.things)} on {self.ground}"


Pick = Callable[[Sequence[str]], str]


def asked(pictures: LookPictures, part: str, count: int, seed: int = 5) -> Iterator[Asked]:
    """Yield `count` prompts of a part of the score."""
    rng = np.random.default_rng([seed, list(PARTS).index(part)])

    def pick(names: Sequence[str]) -> str:
        return names[int(rng.integers(len(names)))]

    kinds, grounds = sorted(pictures.things), sorted(pictures.grounds)
    for number in range(count):
        right = bool(rng.integers(2))
        things = PARTS[part](pick, kinds, number, pictures, right)
        yield Asked(things, pick(grounds), tuple(OTHERS[part](each, kinds) for each in things))


def _one(
    pick: Pick, kinds: Sequence[str], number: int, _: LookPictures, right: bool
) -> tuple[Meant, ...]:
    return (Meant(kinds[number * 7 % len(kinds)], right=right),)


def _two(
    pick: Pick, kinds: Sequence[str], _: int, __: LookPictures, right: bool
) -> tuple[Meant, ...]:
    first = pick(kinds)
    return Meant(first, right=right), Meant(pick([kind for kind in kinds if kind != first]))


def _colored(
    pick: Pick, _: Sequence[str], __: int, pictures: LookPictures, right: bool
) -> tuple[Meant, ...]:
    names = [kind for kind in COLORED if kind in pictures.things]
    return (Meant(pick(names), color=pick(tuple(COLORS)), right=right),)


def _sized(
    pick: Pick, kinds: Sequence[str], _: int, __: LookPictures, right: bool
) -> tuple[Meant, ...]:
    return (Meant(pick(kinds), size=pick([size for size in SIZES if size]), right=right),)


def _directed(
    pick: Pick, kinds: Sequence[str], _: int, pictures: LookPictures, right: bool
) -> tuple[Meant, ...]:
    return (Meant(pick([k for k in kinds if pictures.things[k][0].directed]), right=right),)


PARTS = {"thing": _one, "two": _two, "color": _colored, "size": _sized, "facing": _directed}


def _kinds(thing: Meant, kinds: Sequence[str]) -> tuple[Meant, ...]:
    return thing, *(replace(thing, kind=kind) for kind in kinds if kind != thing.kind)


OTHERS: dict[str, Callable[[Meant, Sequence[str]], tuple[Meant, ...]]] = {
    "thing": _kinds,
    "two": _kinds,
    "color": lambda thing, _: (
        thing,
        *(replace(thing, color=color) for color in COLORS if color != thing.color),
    ),
    "size": lambda thing, _: (
        thing,
        *(replace(thing, size=size) for size in SIZES if size != thing.size),
    ),
    "facing": lambda thing, _: (thing, replace(thing, right=not thing.right)),
}


def path(things: Sequence[Meant]) -> Track:
    """Return the track of each thing, (things, FRAMES, 2): across its place, as it faces."""
    places = PLACES if len(things) > 1 else ((0.5, 0.5),)
    along_x = np.linspace(-WAY, WAY, FRAMES, dtype=np.float32)
    lines = [
        np.stack([x + (1 if thing.right else -1) * along_x, np.full(FRAMES, y)], 1)
        for thing, (x, y) in zip(things, places, strict=True)
    ]
    return np.stack(lines).astype(np.float32)


def composed(
    pictures: LookPictures, things: Sequence[Meant], ground: str, track: Track, side: int
) -> Shown:
    """Return the last frame of `track` as the clips of training show it, (side, side, 3)."""
    frame = backdrop(pictures.grounds[ground], side).astype(np.float32)
    for thing, points in zip(things, track, strict=True):
        shown = sprite(
            pictures.things[thing.kind][0],
            frame=side,
            size=thing.size,
            color=thing.color,
            right=thing.right,
        )
        layer = thing_layer((shown, shown), (0,), points[-1:], side)[0]
        frame = frame * (1 - layer[..., 3:] / 255) + layer[..., :3]
    shown_frame: Shown = through_lens(frame[None])[0]
    return shown_frame


def right_things(pictures: LookPictures, asked: Asked, frame: Shown, track: Track) -> list[bool]:
    """Return for each thing whether what was asked is the nearest to `frame`."""
    side, right = len(frame), []
    for number, options in enumerate(asked.options):
        x, y = track[number, -1] * side
        box = tuple(
            slice(max(0, round(at - WIDTH * side)), round(at + WIDTH * side)) for at in (y, x)
        )
        errors = []
        for option in options:
            things = (*asked.things[:number], option, *asked.things[number + 1 :])
            meant = composed(pictures, things, asked.ground, track, side)
            errors.append(_distance(frame[box], meant[box]))
        right.append(int(np.argmin(errors)) == 0)
    return right


def _distance(one: Shown, two: Shown) -> float:
    difference: NDArray[np.float32] = one.astype(np.float32) - two.astype(np.float32)
    return float(np.square(difference).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a folder, as `ship --to` writes it")
    parser.add_argument("--held-out", type=Path, help="pictures.zip: its looks of no training clip")
    parser.add_argument("--sampler", choices=DEFAULT_STEPS, nargs="+", default=list(DEFAULT_STEPS))
    parser.add_argument("--part", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    drawing = load_files(find_files(options.model, enlarged=False))
    if drawing.looks is None:
        parser.error("this model takes no looks: there is nothing to compare with")
    if options.held_out:
        drawing = replace(drawing, looks=unseen(load(options.held_out), drawing.looks))
    assert drawing.looks is not None
    drawing = replace(drawing, looks=named(drawing.looks, drawing.info.vocabulary))
    assert drawing.looks is not None
    for name in options.sampler:
        rows = []
        for part in options.part:
            score, frames = scored(drawing, drawing.looks, name, part, options.count)
            logger.info("%s, %s: %.0f %% of %d", name, part, 100 * score, options.count)
            rows.append(np.concatenate(frames[:10], 1))
        if options.sheet:
            width = min(row.shape[1] for row in rows)
            sheet = np.concatenate([row[:, :width] for row in rows])
            Image.fromarray(sheet).save(options.sheet.with_stem(f"{options.sheet.stem}-{name}"))


def unseen(pictures: LookPictures, known: LookPictures) -> LookPictures:
    """Return the looks that no training clip showed, of the kinds that have any."""
    held = {kind: pictures.held_out.get(kind, ())[:1] for kind in known.things}
    return replace(known, things={kind: held[kind] or known.things[kind] for kind in held})


def named(pictures: LookPictures, vocabulary: Vocabulary) -> LookPictures:
    """Return `pictures` of the usual names alone."""
    return replace(
        pictures,
        things={kind: pictures.things[kind] for kind in vocabulary.kinds},
        grounds={ground: pictures.grounds[ground] for ground in vocabulary.grounds},
    )


def scored(
    drawing: SmallVideoModel, pictures: LookPictures, name: str, part: str, count: int
) -> tuple[float, list[Shown]]:
    """Return the share of prompts that are right in all things, and the judged frames."""
    right, frames = [], []
    for each in asked(pictures, part, count):
        track = path(each.things)
        chunks = drawn_chunks(drawing, name, along(each.prompt, track), seed=0)
        frames.append(list(chunks)[-1][-1])
        right.append(all(right_things(pictures, each, frames[-1], track)))
    return float(np.mean(right)), frames


if __name__ == "__main__":
    main()
