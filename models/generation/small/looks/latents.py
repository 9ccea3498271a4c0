"""Pictures of things and backgrounds as the latents that `models.generation.looks` places.

A picture is encoded as a clip in which nothing moves: the latent after the first, as a stream's
are. What is kept is its difference from a gray picture's, so that zero is nothing.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from models.generation.codec import FRAMES_PER_LATENT, PATCH
from models.generation.looks import PHASES, STEP

LENS = 0.6  # standard deviation in pixels of the blur that clips have, as by a camera's optics
GRAY = 127.5

Pixels = NDArray[np.uint8]


def look_pictures(sprite: Pixels, side: int) -> tuple[Tensor, Tensor]:
    """Return the pictures of a thing in all phases, and its coverage of each cell.

    `sprite` is premultiplied RGBA (h, w, 4), less than `side` pixels wide and high. The pictures
    are float32 (PHASES**2, 3, 4, side, side) in [-1, 1], on gray; the coverage is
    (PHASES**2, 1, cells, cells) in [0, 1]. Phases are in y, then in x.
    """
    pictures, covered = [], []
    high, wide = sprite.shape[:2]
    for down in range(PHASES):
        for across in range(PHASES):
            canvas = np.zeros((side, side, 4), np.float32)
            top = (side - high) // 2 + down * STEP
            left = (side - wide) // 2 + across * STEP
            part = canvas[max(0, top) : top + high, max(0, left) : left + wide]
            part[:] = sprite[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
            color = canvas[..., :3] + (255 - canvas[..., 3:]) / 255 * GRAY
            pictures.append(_still(_blurred(color)))
            covered.append(torch.from_numpy(canvas[None, ..., 3] / 255))
    return torch.stack(pictures), F.avg_pool2d(torch.stack(covered), PATCH)


def ground_picture(ground: Pixels) -> Tensor:
    """Return a background uint8 (side, side, 3) as a clip, float32 (1, 3, 4, side, side)."""
    return _still(_blurred(ground.astype(np.float32)))[None]


def gray_picture(side: int) -> Tensor:
    """Return the gray clip, float32 (1, 3, 4, side, side)."""
    return torch.zeros(1, 3, FRAMES_PER_LATENT, side, side)


def with_coverage(latents: Tensor, gray: Tensor, covered: Tensor) -> Tensor:
    """Return the look of a thing: (PHASES, PHASES, channels + 1, height, width).

    `latents` (PHASES**2, channels, 1, height, width) are those of `look_pictures`, `gray` (1,
    channels, 1, height, width) those of the gray picture.
    """
    return torch.unflatten(torch.cat([(latents - gray)[:, :, 0], covered], 1), 0, (PHASES, PHASES))


def _blurred(color: NDArray[np.float32]) -> Pixels:
    picture = Image.fromarray(np.clip(np.rint(color), 0, 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(LENS)), np.uint8)


def _still(picture: Pixels) -> Tensor:
    """Return (side, side, 3) as a clip of one latent in which nothing moves."""
    pixels = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1) / GRAY - 1
    return pixels[:, None].expand(-1, FRAMES_PER_LATENT, -1, -1)
