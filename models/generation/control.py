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

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import FRAMES_PER_LATENT
from models.generation.prompt_encoder import EncodedPrompt

FREQUENCIES = (1, 2, 4, 8)  # in a frame
END_FRAMES = (0, FRAMES_PER_LATENT - 1)  # pictures of a latent whose ways are told as waves
# of each thing: a spot for each picture, the way there in x and y, presence, then the waves
MAP_CHANNELS = FRAMES_PER_LATENT + 3 + len(END_FRAMES) * 2 * len(FREQUENCIES) * 2
SPREAD = 0.08  # standard deviation of a spot, as a share of the frame


@dataclass(frozen=True, slots=True, eq=False)
class ChunkControl:
    """What one chunk of latents is to show.

    `track` is float32 (things, 4 * latents, 2): x and y in [0, 1] for each picture, NaN where
    there is none; None leaves movement to the model. `start` (channels, latents, height, width)
    are latents of other pictures, which are followed down to noise level `strength`: 1 leaves
    nothing of them, 0 shows them as they are.
    """

    prompt: EncodedPrompt
    track: Tensor | None = None
    start: Tensor | None = None
    strength: float = 1.0


def track_maps(track: Tensor | None, latents: int, height: int, width: int) -> Tensor:
    """Return the condition of a chunk: float32 (THINGS * CHANNELS, latents, height, width).

    Raises:
        ValueError: the track has another shape than (up to THINGS, 4 * latents, 2).
    """
    out = torch.zeros(MAX_THINGS, latents, MAP_CHANNELS, height, width)
    if track is None:
        return out.transpose(1, 2).reshape(-1, latents, height, width)
    things, pictures = track.shape[:2]
    if things > MAX_THINGS or pictures != FRAMES_PER_LATENT * latents or track.shape[2:] != (2,):
        expected = f"(up to {MAX_THINGS}, {FRAMES_PER_LATENT * latents}, 2)"
        raise ValueError(f"expected a track of {expected}, got {tuple(track.shape)}")
    known = torch.isfinite(track).all(2)
    place = torch.where(known[..., None], track, 0.5)
    place = torch.unflatten(place, 1, (latents, FRAMES_PER_LATENT))
    known = torch.unflatten(known, 1, (latents, FRAMES_PER_LATENT))
    dx = place[..., 0, None, None] - _cell_centers(width)
    dy = place[..., 1, None, None] - _cell_centers(height)[:, None]
    spots = torch.exp(-(dx.square() + dy.square()) / (2 * SPREAD**2)) * known[..., None, None]
    every = known.all(2)[..., None, None]
    out[:things, :, :FRAMES_PER_LATENT] = spots
    out[:things, :, FRAMES_PER_LATENT] = dx.mean(2) * every
    out[:things, :, FRAMES_PER_LATENT + 1] = dy.mean(2) * every
    out[:things, :, FRAMES_PER_LATENT + 2] = every.float()
    ways = torch.stack([way.expand(-1, -1, -1, height, width) for way in (dx, dy)], 3)
    out[:things, :, FRAMES_PER_LATENT + 3 :] = (
        _fourier_features(ways[:, :, list(END_FRAMES)]) * every[:, :, None]
    )
    return out.transpose(1, 2).reshape(-1, latents, height, width)


def _fourier_features(ways: Tensor) -> Tensor:
    """Return sines and cosines of (things, latents, ends, axes, h, w).

    Ends, axes and waves become one dimension.
    """
    turns = 2 * math.pi * torch.tensor(FREQUENCIES)[:, None, None] * ways[:, :, :, :, None]
    return torch.stack([turns.sin(), turns.cos()], 5).flatten(2, 5)


def _cell_centers(count: int) -> Tensor:
    """Return where the middles of `count` cells lie in [0, 1]."""
    return (torch.arange(count) + 0.5) / count
