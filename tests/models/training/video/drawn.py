"""Stand-ins for the packaged photographs: a picture of its own for each name, drawn from it."""

import zlib

import numpy as np
from numpy.typing import NDArray

from models.training.video.clips.kinds import BACKGROUNDS, KINDS
from models.training.video.clips.pictures import Photographs


def pictures() -> Photographs:
    objects, grounds = {}, {}
    for kind in KINDS.values():
        for name in (*kind.train, *kind.held_out):
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            objects[name] = np.dstack([_colored(rng, 30, 40), np.full((30, 40, 1), 255, np.uint8)])
    for name, ground in BACKGROUNDS.items():
        if ground.picture:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            grounds[name] = _colored(rng, 64, 90)
    return Photographs(objects, grounds)


def _colored(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return a picture of one colour, with some noise on it."""
    color = rng.integers(30, 225, 3)
    return (color + rng.integers(-30, 30, (height, width, 3))).astype(np.uint8)
