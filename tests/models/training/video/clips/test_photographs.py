import struct
from dataclasses import replace

import numpy as np

from models.generation.small.looks.pictures import LookPicture
from models.training.video.clips.drawn_grounds import drawing
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
from models.training.video.clips.photographs import (
    SHIPPED,
    SHIPPED_GROUND,
    SHIPPED_SIDE,
    _pattern,
    shipped,
)
from tests.models.training.video import drawn


def test_two_looks_and_a_crop_of_each_background_go_with_a_model() -> None:
    pictures = drawn.pictures()
    large = np.full((192, 120, 4), 255, np.uint8)
    large[:, :60] = (13, 77, 130, 201)
    pictures = replace(
        pictures, things={**pictures.things, "cat": (LookPicture(large, True, "MIT"),) * 3}
    )
    made = shipped(pictures)
    assert not made.held_out
    assert made.things.keys() == KINDS.keys()
    for kind, looks in made.things.items():
        assert len(looks) == min(SHIPPED, len(pictures.things[kind]))
        assert all(max(look.pixels.shape) <= SHIPPED_SIDE for look in looks)
    cat = made.things["cat"][0]
    assert (cat.directed, cat.licence) == (True, "MIT")
    assert cat.pixels[20, -5].tolist() == [255] * 4  # what is opaque stays so
    assert np.abs(cat.pixels[20, 5].astype(int) - large[20, 5]).max() <= 1
    names = {ground.names[0] for ground in BACKGROUNDS.values()}
    assert made.grounds.keys() == made.licences.keys() == names
    shape = (SHIPPED_GROUND, SHIPPED_GROUND, 3)
    assert all(ground.shape == shape for ground in made.grounds.values())


def test_a_pattern_is_read_and_repeated() -> None:
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    data = struct.pack(">5I", 28, 1, 3, 2, 3) + b"GPATname" + pixels.tobytes()
    assert np.array_equal(np.asarray(_pattern(data)), np.tile(pixels, (2, 2, 1)))


def test_what_is_drawn_is_told_apart() -> None:
    sky, water = (np.asarray(drawing(name), np.float32) for name in ("sky", "water"))
    assert np.abs(sky.mean((0, 1)) - water.mean((0, 1))).max() > 40
    assert sky.std() > 20
    assert water.std() > 20
