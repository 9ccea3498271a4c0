"""Stand-ins for the packaged photographs: a picture of its own for each name, drawn from it."""

import zlib

import numpy as np

from models.training.video_kinds import BACKGROUNDS, KINDS
from models.training.video_pictures import Pictures


def pictures() -> Pictures:
    objects, grounds = {}, {}
    for kind in KINDS.values():
        for name in (*kind.train, *kind.held_out):
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            photograph = rng.integers(0, 255, (30, 40, 4), dtype=np.uint8)
            photograph[..., 3] = 255
            objects[name] = photograph
    for name, ground in BACKGROUNDS.items():
        if ground.picture:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            grounds[name] = rng.integers(0, 255, (64, 90, 3), dtype=np.uint8)
    return Pictures(objects, grounds)
