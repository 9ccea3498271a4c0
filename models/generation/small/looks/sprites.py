"""A look or a background as it is shown in a frame: at its size, in its color, its way round."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.generation.small.looks.coloring import recolored
from models.generation.small.looks.pictures import LookPicture, resized

Pixels = NDArray[np.uint8]

AREA = 0.4  # side of the square of a thing's area, as a share of the frame
WIDEST, WIDEST_LARGE = 0.6, 0.66  # shares of the frame
SIZES = {"small": 0.62, "": 1.0, "large": 1.4}
DEPTH = 0.8  # standard deviation of the blur of backgrounds in pixels: they are out of focus


def sprite(
    look: LookPicture, *, frame: int, size: str = "", color: str = "", right: bool = False
) -> Pixels:
    """Return `look` in a frame of `frame` pixels: uint8 (h, w, 4), premultiplied.

    `size` is one of `SIZES`, `color` one of `COLORS` or empty. The same area for any shape, but not
    wider than most of the frame.
    """
    height, width = look.pixels.shape[:2]
    share = min(AREA / (height * width) ** 0.5, WIDEST / max(height, width)) * SIZES[size]
    share = frame * min(share, WIDEST_LARGE / max(height, width))
    colored = recolored(look.pixels, color) if color else look.pixels
    pixels = resized(colored, share)
    return pixels[:, ::-1].copy() if right and look.directed else pixels


def backdrop(ground: Pixels, frame: int) -> Pixels:
    """Return `ground`, uint8 (h, w, 3), in a frame: uint8 (frame, frame, 3)."""
    picture = Image.fromarray(ground)
    if picture.size != (frame, frame):
        picture = picture.resize((frame, frame), Image.Resampling.LANCZOS)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(DEPTH)), np.uint8)
