"""Looks from the pictures of users: read once for a prompt, and kept with the video alone."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.generation.own_look import OwnLook
from models.generation.small.looks.pictures import LookPicture
from models.generation.small.looks.sprites import backdrop, sprite

Pixels = NDArray[np.uint8]


def own_sprites(look: OwnLook, side: int, size: str) -> tuple[Pixels, Pixels]:
    """Return the sprites of a thing that looks to the left and to the right, in a frame of `side`.

    They are alike if it does not say which way it looks.
    """
    with Image.open(io.BytesIO(look.file)) as picture:
        pixels = np.asarray(picture.convert("RGBA").convert("RGBa"), np.uint8)
    read = LookPicture(pixels, look.directed)
    left, right = (sprite(read, frame=side, size=size, right=way) for way in (False, True))
    return left, right


def own_backdrop(look: OwnLook, side: int) -> Pixels:
    """Return a background in a frame: uint8 (side, side, 3)."""
    with Image.open(io.BytesIO(look.file)) as picture:
        return backdrop(np.asarray(picture.convert("RGB"), np.uint8), side)
