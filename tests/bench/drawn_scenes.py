"""Scenes of one thing that moves, as prompts say them and as they are composed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation.small.prompts.vocabulary import with_article
from models.training.video.clips.paths import MOTIONS, path
from tests.bench.drawn_stream import Shown
from tests.bench.look_judge import LookJudge, Points

LONG = 40  # pictures of a clip
WAY = 0.3  # of the frame: the least that a thing moves across or up


@dataclass(frozen=True, slots=True, eq=False)
class DrawnScene:
    """A thing on a background, and its path (LONG, 2)."""

    kind: str
    ground: str
    path: Points

    @property
    def text(self) -> str:
        return f"{with_article(self.kind)} on {self.ground}"

    def composed(self, judge: LookJudge) -> Shown:
        """Return the frames that a perfect model would draw."""
        return judge.clip(self.kind, self.ground, self.path)


def moving_scenes(judge: LookJudge, count: int) -> list[DrawnScene]:
    """Return `count` scenes: the kinds one after another, each on a random path and background."""
    kinds, grounds = sorted(judge.pictures.things), sorted(judge.pictures.grounds)
    rng = np.random.default_rng(11)
    return [
        DrawnScene(kinds[number * 7 % len(kinds)], str(rng.choice(grounds)), _long_path(rng))
        for number in range(count)
    ]


def _long_path(rng: np.random.Generator) -> Points:
    while True:
        points = path(str(rng.choice(MOTIONS)), rng, LONG)
        if np.ptp(points, axis=0).max() > WAY:
            return points


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


def path_error(pictures: Shown, path: Points) -> float:
    """Return the mean distance in pixels between `path` (pictures, 2) and the found positions."""
    count = min(len(pictures), len(path))
    return float(
        np.linalg.norm(found(pictures[:count]) - path[:count], axis=1).mean() * pictures.shape[1]
    )
