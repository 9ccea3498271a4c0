"""Stand-ins for the packaged pictures: one of its own for each kind and background."""

import zlib

import numpy as np
from numpy.typing import NDArray

from models.generation.small.looks.pictures import LookPicture, LookPictures
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS


def pictures() -> LookPictures:
    things, held_out = {}, {}
    for kind, known in KINDS.items():
        things[kind] = tuple(_look(f"{kind} {number}") for number in range(len(known.train)))
        held_out[kind] = tuple(_look(f"{kind} other {n}") for n in range(len(known.held_out)))
    grounds = {}
    for name, ground in BACKGROUNDS.items():
        if ground.picture:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            grounds[name] = _colored(rng, 64, 90)
    return LookPictures(things, grounds, dict.fromkeys(grounds, "none"), held_out)


def _look(name: str) -> LookPicture:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    pixels = np.dstack([_colored(rng, 30, 40), np.full((30, 40, 1), 255, np.uint8)])
    return LookPicture(pixels, directed=True, licence="none")


def _colored(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Return a picture of one color, with some noise on it."""
    color = rng.integers(30, 225, 3)
    return (color + rng.integers(-30, 30, (height, width, 3))).astype(np.uint8)
