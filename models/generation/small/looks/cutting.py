"""Cuts the thing out of a user's picture, so that it can be drawn as a look.

A picture with alpha is taken as it is. Of another one the border says what the ground is: if nearly
all of it has the colors of one plain surface, lit from one side, what is connected to it is cut
away. What remains is the whole picture with round corners. Only Pillow and NumPy are used: this
runs in the small processes of `media.images.decoder`.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.generation.own_look import CutBy, LookRole
from models.generation.small.looks.pictures import GROUND_QUALITY, LONGER_SIDE, OPAQUE

WORKING_SIDE = 256  # pixels of the longer side of what is cut: more detail than a look shows
GROUND_SIDE = 128  # of a background
SEE_THROUGH = 0.01  # the share of a picture from which its alpha means something
RING = 2  # pixels of the border
PLAIN = 0.75  # of the border must be of one surface
TOLERANCE = 32.0  # distance of 8-bit colors: compression, grain, a soft shadow
LEAST, MOST = 0.02, 0.97  # shares of the picture that a thing on plain ground takes
CORNER = 0.12  # radius of round corners, as a share of the shorter side

Mask = NDArray[np.bool_]
Colors = NDArray[np.float32]


def cut_look(
    picture: Image.Image, *, role: LookRole = "thing", whole: bool = False, mirrored: bool = False
) -> tuple[bytes, CutBy]:
    """Return `picture`, RGB or RGBA, as the file of a look, and what it was cut by.

    With `whole` all of it is shown, as it always is of a background. `mirrored` is for things that
    look right: looks look left.

    Raises:
        ValueError: nothing of it is opaque.
    """
    if role == "background":
        return _file(_square(picture), quality=GROUND_QUALITY), "whole"
    small = picture.convert("RGBA")
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    by: CutBy = "whole" if whole else "alpha"
    if whole or np.mean(np.asarray(small)[..., 3] < 255 - OPAQUE) < SEE_THROUGH:
        thing = None if whole else on_plain_ground(np.asarray(small.convert("RGB"), np.float32))
        by = "whole" if thing is None else "border"
        alpha = _round_corners(small.size) if thing is None else Image.fromarray(thing)
        small.putalpha(alpha.convert("L"))
    box = small.getchannel("A").point(lambda alpha: 255 if alpha > OPAQUE else 0).getbbox()
    if box is None:
        raise ValueError("nothing of the picture is opaque")
    cut = small.crop(box)
    cut.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    shown = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else cut
    return _file(shown, lossless=True), by


def on_plain_ground(pixels: Colors) -> Mask | None:
    """Return where the thing is in a picture (h, w, 3), None if its border is not plain."""
    height, width, _ = pixels.shape
    ring = np.zeros((height, width), bool)
    ring[:RING], ring[-RING:], ring[:, :RING], ring[:, -RING:] = True, True, True, True
    like_ground = np.abs(pixels - _surface(pixels, ring)).max(-1) < TOLERANCE
    if like_ground[ring].mean() < PLAIN:
        return None
    thing = ~_connected(ring & like_ground, like_ground)
    inner = _eroded(thing)  # its outermost pixels are mixed with the ground
    core = _eroded(_eroded(inner))
    inner = _connected(core, inner)  # without specks
    return inner if LEAST <= inner.mean() <= MOST else None


def _surface(pixels: Colors, ring: Mask) -> Colors:
    """Return the color of the ground everywhere: a plane for each channel, from the ring."""
    height, width, _ = pixels.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    places = np.stack([np.ones_like(x), x / width, y / height], -1)
    at, colors = places[ring], pixels[ring]
    usual = np.median(colors, 0)
    near = np.abs(colors - usual).max(-1) < 2 * TOLERANCE
    if near.sum() < len(near) / 2:
        return np.broadcast_to(usual, pixels.shape).astype(np.float32)
    plane, *_ = np.linalg.lstsq(at[near], colors[near], rcond=None)
    surface: Colors = (places @ plane).astype(np.float32)
    return surface


def _eroded(mask: Mask) -> Mask:
    inside = np.pad(mask, 1, mode="edge")
    rows = inside[:-2, 1:-1] & inside[2:, 1:-1]
    kept: Mask = mask & rows & inside[1:-1, :-2] & inside[1:-1, 2:]
    return kept


def _connected(seeds: Mask, free: Mask) -> Mask:
    """Return what of `free` is connected with `seeds`, by rows and columns in turn."""
    reached, count = seeds, -1
    while reached.sum() != count:
        count = int(reached.sum())
        reached = _along_rows(reached, free)
        reached = _along_rows(reached.T, free.T).T
    return reached


def _along_rows(reached: Mask, free: Mask) -> Mask:
    """Return the runs of `free` in each row of which a pixel is `reached`."""
    edge = ((0, 0), (0, 1))  # no run goes on in the next row
    bounded = np.pad(free, edge).ravel()
    runs = np.cumsum(~bounded)
    hit = np.bincount(runs, np.pad(reached, edge).ravel(), runs[-1] + 1) > 0
    grown: Mask = (hit[runs] & bounded).reshape(len(free), -1)[:, :-1]
    return grown


def _round_corners(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    box = (0, 0, size[0] - 1, size[1] - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, round(CORNER * min(size)), fill=255)
    return mask


def _square(picture: Image.Image) -> Image.Image:
    """Return the middle of a picture, on white."""
    rgba = picture.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    side = min(ground.size)
    left, top = ((whole - side) // 2 for whole in ground.size)
    middle = ground.convert("RGB").crop((left, top, left + side, top + side))
    return middle.resize((GROUND_SIDE, GROUND_SIDE), Image.Resampling.LANCZOS)


def _file(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", **options)
    return file.getvalue()
