"""Names what is in a drawn frame: the nearest of the model's own looks, composed at the same place.

A judge that is not trained: it needs no other clips, and knows every kind that the model knows. It
says what a frame is most like, not how good it is; decibels to the composed frame say that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.small.looks.facing import LEFT, facing
from models.generation.small.looks.layers import thing_layer, through_lens
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.sprites import backdrop, sprite
from models.generation.small.prompts.vocabulary import Vocabulary, with_article
from tests.bench.drawn_stream import Shown

WIDTH = 0.33  # half of the compared part, as a share of the frame

Points = NDArray[np.float32]  # (frames, 2) or (2,): x and y in [0, 1]


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


def distance(one: Shown, two: Shown) -> float:
    """Return the mean squared difference."""
    difference: NDArray[np.float32] = one.astype(np.float32) - two.astype(np.float32)
    return float(np.square(difference).mean())


def to_decibels(error: float) -> float:
    """Return the peak signal-to-noise ratio for a mean squared error of numbers up to 255."""
    return float(-10 * np.log10(max(error, 1e-9) / 255**2))


class LookJudge:
    """Compares frames of `side` pixels with what can be composed of `pictures`."""

    def __init__(self, pictures: LookPictures, side: int) -> None:
        self.pictures, self.side = pictures, side
        self._sprites: dict[Meant, NDArray[np.uint8]] = {}

    def composed(self, things: Sequence[Meant], ground: str, places: Points) -> Shown:
        """Return a frame with each of `things` at its place, (things, 2)."""
        frame = backdrop(self.pictures.grounds[ground], self.side).astype(np.float32)
        for thing, place in zip(things, places, strict=True):
            shown = self._sprite(thing)
            layer = thing_layer((shown, shown), (LEFT,), place[None], self.side)[0]
            frame = frame * (1 - layer[..., 3:] / 255) + layer[..., :3]
        made: Shown = through_lens(frame[None])[0]
        return made

    def clip(self, kind: str, ground: str, path: Points) -> Shown:
        """Return the frames of a thing on its path (frames, 2), looking where it goes."""
        frames, way = [], LEFT
        for start in range(0, len(path), FRAMES_PER_LATENT):
            points = path[start : start + FRAMES_PER_LATENT]
            way = facing(points, way)
            thing = Meant(kind, right=way != LEFT)
            frames += [self.composed((thing,), ground, point[None]) for point in points]
        return np.stack(frames)

    def nearest(
        self,
        frame: Shown,
        options: Sequence[Meant],
        place: Points,
        compose: Callable[[Meant], Shown],
    ) -> Meant:
        """Return which of `options` is the nearest round `place` (2,), each composed."""
        x, y = place * self.side
        half = WIDTH * self.side
        box = tuple(slice(max(0, round(at - half)), round(at + half)) for at in (y, x))
        errors = [distance(frame[box], compose(option)[box]) for option in options]
        return options[int(np.argmin(errors))]

    def kind(self, frame: Shown, ground: str, place: Points) -> str:
        """Return the kind of the thing at `place` (2,) on `ground`, whichever way it looks."""
        options = [
            Meant(kind, right=right)
            for kind, looks in self.pictures.things.items()
            for right in ((False, True) if looks[0].directed else (False,))
        ]

        def compose(option: Meant) -> Shown:
            return self.composed((option,), ground, place[None])

        return self.nearest(frame, options, place, compose).kind

    def ground(self, frame: Shown, place: Points | None = None) -> str:
        """Return the background of `frame`, with a thing at `place` (2,)."""
        rows, columns = (np.mgrid[: self.side, : self.side] + 0.5) / self.side
        far = np.ones((self.side, self.side), bool)
        if place is not None:
            far = np.maximum(np.abs(columns - place[0]), np.abs(rows - place[1])) > WIDTH
        errors = {name: distance(frame[far], shown[far]) for name, shown in self._grounds.items()}
        return min(errors, key=errors.__getitem__)

    @cached_property
    def _grounds(self) -> dict[str, Shown]:
        """The backgrounds alone."""
        nothing = np.zeros((0, 2), np.float32)
        return {name: self.composed((), name, nothing) for name in self.pictures.grounds}

    def _sprite(self, thing: Meant) -> NDArray[np.uint8]:
        if thing not in self._sprites:
            self._sprites[thing] = sprite(
                self.pictures.things[thing.kind][0],
                frame=self.side,
                size=thing.size,
                color=thing.color,
                right=thing.right,
            )
        return self._sprites[thing]


def named(pictures: LookPictures, vocabulary: Vocabulary) -> LookPictures:
    """Return `pictures` of the usual names alone."""
    return replace(
        pictures,
        things={kind: pictures.things[kind] for kind in vocabulary.kinds},
        grounds={ground: pictures.grounds[ground] for ground in vocabulary.grounds},
    )
