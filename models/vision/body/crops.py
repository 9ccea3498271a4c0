"""Square pieces of a picture, turned and resized: what the networks of bodies and hands look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Square:
    """A square of a picture: its center and side in pixels, turned clockwise by `angle` radians."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def outside(self, points: Tensor) -> Tensor:
        """Return places in the picture, in pixels, of `points` (..., 2) in parts of the side."""
        turned = (points - 0.5) @ _rotation(self.angle).T
        return turned * self.side + torch.tensor([self.x, self.y])


def cut(picture: Tensor, squares: Sequence[Square], side: int) -> Tensor:
    """Return the `squares` of `picture` (3, height, width), as (squares, 3, side, side).

    What lies outside of the picture is black. A square that is made much smaller is averaged first,
    so that no pixel is passed over.
    """
    places = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    unit = torch.stack([columns, rows], -1)
    made = []
    for square in squares:
        coarse = max(1, min(int(square.side / side), *picture.shape[1:]))
        source = F.avg_pool2d(picture[None], coarse) if coarse > 1 else picture[None]
        whole = torch.tensor([source.shape[3] * coarse, source.shape[2] * coarse])
        grid = square.outside(unit) / whole * 2 - 1
        made.append(F.grid_sample(source, grid[None], align_corners=False))
    return torch.cat(made)


def whole(picture: Tensor) -> Square:
    """Return the smallest square around all of `picture`."""
    height, width = picture.shape[1:]
    return Square(width / 2, height / 2, max(height, width))


def _rotation(angle: float) -> Tensor:
    turn = torch.tensor(angle)
    return torch.stack(
        [torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])]
    )
