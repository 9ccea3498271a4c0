"""Looks: pictures of things and of a background, given to the transformer along the tracks.

A model this small cannot keep the looks of many things in its weights, so they are given to it: a
prompt's things are looked up (retrieval, as in Re-Imagen), moved along their tracks, and encoded
each on its own; so is the background (as Time-to-Move's cut-and-drag, and Wan-Move's latents along
a trajectory). The latents are conditions beside the track maps: the transformer draws every frame
from noise, what is in front of what, and how edges meet, and without a look it draws from words.

Sources: Re-Imagen, Chen et al. 2023; Wan-Move, Chu et al. 2025, section 3.2; Time-to-Move, Singer
et al. 2025.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS


def look_channels(channels: int) -> int:
    """Return the channels of look maps for latents of `channels`: the things', then the ground's.

    A thing has those of its look, and its coverage of each cell.
    """
    return MAX_THINGS * (channels + 1) + channels


@dataclass(frozen=True, slots=True, eq=False)
class ChunkLooks:
    """The looks of a chunk, as latents less those of a gray picture; zeros for none.

    `things` is float32 (MAX_THINGS, channels + 1, latents, height, width): each thing alone where
    its track says, and the share of each cell that it covers; `ground` (channels, height, width).
    """

    things: Tensor
    ground: Tensor

    @property
    def maps(self) -> Tensor:
        """Return them as a condition, (look_channels, latents, height, width)."""
        ground = self.ground[:, None].expand(-1, self.things.shape[2], -1, -1)
        return torch.cat([self.things.flatten(0, 1), ground])


def pasted(maps: Tensor, channels: int) -> Tensor:
    """Return latents of the looks in `maps` (batch, look_channels, ...) before one another.

    A later thing is in front, the ground behind all. It is exact where a cell shows one of them,
    and rough at edges, where the codec sees both.
    """
    *things, ground = torch.split(maps, [channels + 1] * MAX_THINGS + [channels], 1)
    shown = ground
    for thing in things:
        shown = thing[:, :channels] + (1 - thing[:, channels:]) * shown
    return shown


def look_maps(looks: ChunkLooks | None, shape: tuple[int, ...]) -> Tensor:
    """Return the look maps of a chunk of latents of `shape` (channels, latents, height, width)."""
    if looks is None:
        return torch.zeros(look_channels(shape[0]), *shape[1:])
    return looks.maps
