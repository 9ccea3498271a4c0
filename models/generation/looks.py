"""Looks: pictures of things and of a background, given to the transformer along the tracks.

A model this small cannot keep the looks of many things in its weights, so they are given to it: a
prompt's things are looked up (retrieval, as in Re-Imagen), and the latents of their pictures are
put where the tracks say, latent by latent (latent trajectory guidance, as in Wan-Move). They are
conditions beside the track maps; the transformer still draws every frame from noise.

A cell of a latent is eight pixels wide, so a look is encoded in `PHASES` positions within a cell
each way: it is at most two pixels from where its thing is.

Sources: Re-Imagen, Chen et al. 2023; Wan-Move, Chu et al. 2025, section 3.2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import FRAMES_PER_LATENT, PATCH

PHASES = 2
STEP = PATCH // PHASES  # pixels between two phases


def look_channels(channels: int) -> int:
    """Return the channels of look maps for latents of `channels`: the things', then the ground's.

    A thing has those of its look, and its coverage of each cell.
    """
    return MAX_THINGS * (channels + 1) + channels


@dataclass(frozen=True, slots=True, eq=False)
class ChunkLooks:
    """The looks of one chunk, as latents less those of a gray picture.

    `things` is float32 (things, latents, PHASES, PHASES, channels + 1, height, width), phases in y
    and x, each thing in the middle of the frame; `ground` (channels, height, width).
    """

    things: Tensor
    ground: Tensor


def look_maps(looks: ChunkLooks | None, track: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """Return the look maps of a chunk of latents of `shape` (channels, latents, height, width).

    `track` is float32 (things, 4 * latents, 2), NaN for none: such a thing has no look, nor has one
    without a track. The maps are float32 (look_channels, latents, height, width).
    """
    channels, latents, height, width = shape
    if looks is None:
        return torch.zeros(look_channels(channels), latents, height, width)
    out = looks.ground.new_zeros(MAX_THINGS, latents, channels + 1, height, width)
    if track is not None:
        count = min(len(track), len(looks.things))
        each = looks.things[:count].flatten(0, 1)
        centers = latent_centers(track[:count]).flatten(0, 1).to(each.device)
        made = placed(each, torch.arange(len(each), device=each.device), centers)
        out[:count] = torch.unflatten(made, 0, (count, latents))
    things = out.transpose(1, 2).flatten(0, 1)
    ground = looks.ground[:, None].expand(-1, latents, -1, -1)
    return torch.cat([things, ground])


def latent_centers(track: Tensor) -> Tensor:
    """Return the mean position in each latent, (things, latents, 2), of (things, frames, 2)."""
    return torch.unflatten(track, 1, (-1, FRAMES_PER_LATENT)).mean(2)


def placed(looks: Tensor, which: Tensor, centers: Tensor) -> Tensor:
    """Return looks at `centers` (n, 2), x and y in [0, 1]: (n, channels + 1, height, width).

    `looks` is (looks, PHASES, PHASES, channels + 1, height, width); `which` int64 (n,) says whose.
    Without a finite center there is nothing.
    """
    height, width = looks.shape[4:]
    known = torch.isfinite(centers).all(1)
    size = torch.tensor([width, height], device=centers.device)
    moved = torch.where(known[:, None], centers, 0.5) - 0.5  # from the middle of the frame
    steps = torch.round(moved * size * PHASES).long()
    cells = torch.div(steps, PHASES, rounding_mode="floor")
    phases = steps - cells * PHASES
    columns, inside_x = _sources(width, cells[:, 0])
    rows, inside_y = _sources(height, cells[:, 1])
    picked = looks[
        which[:, None, None],
        phases[:, 1, None, None],
        phases[:, 0, None, None],
        :,
        rows[:, :, None],
        columns[:, None],
    ]  # (n, height, width, channels + 1)
    shown = inside_y[:, :, None] & inside_x[:, None] & known[:, None, None]
    return (picked * shown[..., None]).permute(0, 3, 1, 2)


def _sources(count: int, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cell that comes to each of `count` cells, and whether there is one."""
    cells = torch.arange(count, device=moved.device) - moved[:, None]
    return cells.clamp(0, count - 1), (cells >= 0) & (cells < count)
