"""Does the small model draw what prompts say: `python -m tests.bench.bench_drawn_prompts`.

Each prompt is drawn as a session would see it, and a frame two seconds on is compared with what the
prompt could have meant, composed of the model's own looks at the same place: every kind, every
color, every size, or the thing turned round. The nearest one, by squared difference around the
thing, is what was drawn. Decibels to what was asked, and the share of its edges, say how sharp it
is within things. `--held-out PICTURES` draws and compares looks that no training clip showed.
`--sheet` writes the frames of the first prompts of each part for a person to look at.
"""

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.looks.coloring import COLORED, COLORS
from models.generation.small.looks.pictures import LookPictures, load
from models.generation.small.looks.sprites import SIZES
from tests.bench.drawn_stream import Shown, Track, along, drawn_chunks
from tests.bench.look_judge import LookJudge, Meant, distance, named, to_decibels

logger = logging.getLogger(__name__)

FRAMES = 32
COVERED = 20  # of 765: where a pixel differs by more from the background, there is a thing
PLACES = ((0.3, 0.35), (0.7, 0.65))  # where two things pass in the middle of their ways
WAY = 0.16  # of the frame, from the middle to each end


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


def right_things(judge: LookJudge, asked: Asked, frame: Shown, track: Track) -> list[bool]:
    """Return for each thing whether what was asked is the nearest to `frame`."""
    right, places = [], track[:, -1]
    for number, options in enumerate(asked.options):

        def compose(option: Meant, number: int = number) -> Shown:
            things = (*asked.things[:number], option, *asked.things[number + 1 :])
            return judge.composed(things, asked.ground, places)

        named = judge.nearest(frame, options, places[number], compose)
        right.append(named == asked.things[number])
    return right


def fidelity(judge: LookJudge, asked: Asked, frame: Shown, track: Track) -> tuple[float, float]:
    """Return the decibels of `frame` to the composed one, and its share of edges, within things.

    Edges are the mean difference to the next pixel, as a share of the composed frame's: below 1
    things are soft.
    """
    meant = judge.composed(asked.things, asked.ground, track[:, -1])
    alone = judge.composed((), asked.ground, track[:0, -1])
    covered = np.abs(meant.astype(np.float32) - alone).sum(2) > COVERED
    error = distance(frame[covered], meant[covered])
    edges = [
        np.abs(np.diff(shown.astype(np.float32), axis=1)).mean(2)[covered[:, 1:]].mean()
        for shown in (frame, meant)
    ]
    return to_decibels(error), float(edges[0] / edges[1])


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
            logger.info("%s, %s: %s of %d", name, part, score, options.count)
            rows.append(np.concatenate(frames[:10], 1))
        if options.sheet:
            width = min(row.shape[1] for row in rows)
            sheet = np.concatenate([row[:, :width] for row in rows])
            Image.fromarray(sheet).save(options.sheet.with_stem(f"{options.sheet.stem}-{name}"))


def unseen(pictures: LookPictures, known: LookPictures) -> LookPictures:
    """Return the looks that no training clip showed, of the kinds that have any."""
    held = {kind: pictures.held_out.get(kind, ())[:1] for kind in known.things}
    return replace(known, things={kind: held[kind] or known.things[kind] for kind in held})


@dataclass(frozen=True, slots=True)
class PromptScore:
    """The share of prompts that are right in all things, and the means of `fidelity`."""

    right: float
    decibels: float
    edges: float

    def __str__(self) -> str:
        return f"{self.right:.0%}, {self.decibels:.1f} dB, {self.edges:.0%} of edges"


def scored(
    drawing: SmallVideoModel, pictures: LookPictures, name: str, part: str, count: int
) -> tuple[PromptScore, list[Shown]]:
    """Return the score of a part, and the judged frames."""
    judge = LookJudge(pictures, drawing.info.size)
    right, near, frames = [], [], []
    for each in asked(pictures, part, count):
        track = path(each.things)
        chunks = drawn_chunks(drawing, name, along(each.prompt, track), seed=0)
        frames.append(list(chunks)[-1][-1])
        right.append(all(right_things(judge, each, frames[-1], track)))
        near.append(fidelity(judge, each, frames[-1], track))
    decibels, edges = (float(mean) for mean in np.mean(near, 0))
    return PromptScore(float(np.mean(right)), decibels, edges), frames


if __name__ == "__main__":
    main()
