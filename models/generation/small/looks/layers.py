"""A thing alone, where its track says: the layer of which its look is encoded."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from models.generation.codec.codec import FRAMES_PER_LATENT, PATCH

# like a camera's optics: without it, pictures made this small alias
LENS = 0.6  # standard deviation of the blur in pixels
GRAY = 127.5  # of a picture that shows nothing

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


def thing_layer(
    sprites: tuple[Pixels, Pixels], ways: Sequence[int], points: Floats, side: int
) -> Floats:
    """Return a thing along its track: float32 (frames, side, side, 4) in [0, 255], premultiplied.

    `sprites` are its looks to the left and to the right, `ways` says which one each latent shows;
    `points` (frames, 2) are x and y of its center in [0, 1].
    """
    layer = np.zeros((len(points), side, side, 4), np.float32)
    for frame, point in enumerate(points):
        sprite = Image.fromarray(sprites[ways[frame // FRAMES_PER_LATENT]], "RGBa")
        if np.all(np.abs(point - 0.5) * side < (side + np.array(sprite.size)) / 2):
            box, placed = _placed(sprite, point * side, side)
            layer[frame][box] = placed
    return layer


def layer_pictures(layer: Floats) -> tuple[Tensor, Tensor]:
    """Return a layer on gray, and the share of each cell that it covers in each latent.

    The pictures are float32 (1, 3, frames, side, side) in [-1, 1], the coverage
    (1, 1, latents, cells, cells) in [0, 1].
    """
    alpha: Floats = layer[..., 3:] / np.float32(255)
    covered = torch.from_numpy(alpha[..., 0])[None, None]
    return picture_clip(layer[..., :3] + (1 - alpha) * np.float32(GRAY)), F.avg_pool3d(
        covered, (FRAMES_PER_LATENT, PATCH, PATCH)
    )


def still_clip(picture: Pixels) -> Tensor:
    """Return (side, side, 3) as the pictures of one latent in which nothing moves."""
    return picture_clip(picture[None].astype(np.float32)).expand(-1, -1, FRAMES_PER_LATENT, -1, -1)


def gray_clip(side: int) -> Tensor:
    """Return the pictures of one latent that shows nothing."""
    return torch.zeros(1, 3, FRAMES_PER_LATENT, side, side)


def picture_clip(frames: Floats) -> Tensor:
    """Return (frames, side, side, 3) as clips show them: float32 (1, 3, frames, side, side)."""
    shown = torch.from_numpy(through_lens(frames).astype(np.float32))
    return shown.permute(3, 0, 1, 2)[None] / GRAY - 1


def through_lens(frames: Floats) -> Pixels:
    """Return frames (n, side, side, 3) with the blur of a lens."""
    sharp = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    lens = ImageFilter.GaussianBlur(LENS)
    return np.stack([np.asarray(Image.fromarray(frame).filter(lens)) for frame in sharp])


def _placed(sprite: Image.Image, middle: Floats, size: int) -> tuple[tuple[slice, slice], Floats]:
    """Return the position of `sprite` centered at `middle` pixels, and its float32 RGBA there.

    A part of it is within the frame.
    """
    corner = middle - np.array(sprite.size) / 2
    whole = np.floor(corner).astype(int)
    part = corner - whole
    wide, high = sprite.width + 1, sprite.height + 1
    # a transparent edge, or resampling repeats the outermost pixels
    padded = Image.new("RGBa", (wide + 2, high + 2))
    padded.paste(sprite, (1, 1))
    moved = padded.transform(
        (wide + 1, high + 1),
        Image.Transform.AFFINE,
        (1, 0, 1 - part[0], 0, 1, 1 - part[1]),
        Image.Resampling.BICUBIC,
    )
    left, top = max(0, whole[0]), max(0, whole[1])
    right, bottom = min(size, whole[0] + wide), min(size, whole[1] + high)
    cut = moved.crop((left - whole[0], top - whole[1], right - whole[0], bottom - whole[1]))
    return (slice(top, bottom), slice(left, right)), np.asarray(cut, np.float32)
