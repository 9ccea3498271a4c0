"""What steers a stream, chunk by chunk: a prompt, where things are, pictures to begin from.

A track gives the place of a thing in each picture. Things are told apart by the order in which
the prompt names them. Each has its channels in the map that the transformer gets beside a latent:
a soft spot at its place in each of the latent's four pictures, the way to it from everywhere, and
whether there is a track at all. The way in the first and the last picture is told once more as
waves: a pixel more or less would be a few hundredths. MotionStream splats sinusoidal numbers of
many tracks instead; for two things with a name each, separate channels are the same with less to
learn.

Source of the waves: Tancik et al. 2020, Fourier features.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.codec import FRAMES
from models.generation.prompt_encoder import Prompt

THINGS = 2  # things with a track
WAVES = (1, 2, 4, 8)  # in a frame
ENDS = (0, FRAMES - 1)  # pictures of a latent whose ways are told as waves
# of each thing: a spot for each picture, the way there in x and y, presence, then the waves
CHANNELS = FRAMES + 3 + len(ENDS) * 2 * len(WAVES) * 2
SPREAD = 0.08  # standard deviation of a spot, as a share of the frame


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """What one chunk of latents is to show.

    `track` is float32 (things, 4 * latents, 2): x and y in [0, 1] for each picture, NaN where
    there is none; None leaves movement to the model. `start` (channels, latents, height, width)
    are latents of other pictures, which are followed down to noise level `strength`: 1 leaves
    nothing of them, 0 shows them as they are.
    """

    prompt: Prompt
    track: Tensor | None = None
    start: Tensor | None = None
    strength: float = 1.0


def maps(track: Tensor | None, latents: int, height: int, width: int) -> Tensor:
    """Return the condition of a chunk: float32 (THINGS * CHANNELS, latents, height, width).

    Raises:
        ValueError: the track has another shape than (up to THINGS, 4 * latents, 2).
    """
    out = torch.zeros(THINGS, latents, CHANNELS, height, width)
    if track is None:
        return out.transpose(1, 2).reshape(-1, latents, height, width)
    things, pictures = track.shape[:2]
    if things > THINGS or pictures != FRAMES * latents or track.shape[2:] != (2,):
        expected = f"(up to {THINGS}, {FRAMES * latents}, 2)"
        raise ValueError(f"expected a track of {expected}, got {tuple(track.shape)}")
    known = torch.isfinite(track).all(2)
    place = torch.where(known[..., None], track, 0.5)
    place = torch.unflatten(place, 1, (latents, FRAMES))
    known = torch.unflatten(known, 1, (latents, FRAMES))
    dx = place[..., 0, None, None] - _centres(width)
    dy = place[..., 1, None, None] - _centres(height)[:, None]
    spots = torch.exp(-(dx.square() + dy.square()) / (2 * SPREAD**2)) * known[..., None, None]
    every = known.all(2)[..., None, None]
    out[:things, :, :FRAMES] = spots
    out[:things, :, FRAMES] = dx.mean(2) * every
    out[:things, :, FRAMES + 1] = dy.mean(2) * every
    out[:things, :, FRAMES + 2] = every.float()
    ways = torch.stack([way.expand(-1, -1, -1, height, width) for way in (dx, dy)], 3)
    out[:things, :, FRAMES + 3 :] = _waves(ways[:, :, list(ENDS)]) * every[:, :, None]
    return out.transpose(1, 2).reshape(-1, latents, height, width)


def _waves(ways: Tensor) -> Tensor:
    """Return sines and cosines of (things, latents, ends, axes, h, w).

    Ends, axes and waves become one dimension.
    """
    turns = 2 * math.pi * torch.tensor(WAVES)[:, None, None] * ways[:, :, :, :, None]
    return torch.stack([turns.sin(), turns.cos()], 5).flatten(2, 5)


def _centres(count: int) -> Tensor:
    """Return where the middles of `count` cells lie in [0, 1]."""
    return (torch.arange(count) + 0.5) / count
