"""Control of a stream, chunk by chunk: a prompt, tracks of things, frames to start from.

A track gives the position of a thing in each frame; things are in the order in which the prompt
names them. Each has its own channels in the track maps that condition the transformer: a Gaussian
spot at its position in each of the latent's four frames, the offset to it from every cell, and
whether it has a track. The offsets in the first and the last frame are repeated as Fourier
features: one pixel would otherwise be a few hundredths. MotionStream splats sinusoidal embeddings
of many tracks instead; for two named things, separate channels do the same with less to learn.

Source of the Fourier features: Tancik et al. 2020.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.looks import ChunkLooks
from models.generation.prompt_encoder import EncodedPrompt

FREQUENCIES = (1, 2, 4, 8)  # periods across a frame
END_FRAMES = (0, FRAMES_PER_LATENT - 1)  # frames of a latent with Fourier features
# of each thing: a spot for each frame, offsets in x and y, presence, then Fourier features
MAP_CHANNELS = FRAMES_PER_LATENT + 3 + len(END_FRAMES) * 2 * len(FREQUENCIES) * 2
SPREAD = 0.08  # standard deviation of a spot, as a share of the frame


@dataclass(frozen=True, slots=True, eq=False)
class ChunkControl:
    """What one chunk of latents should show.

    `track` is float32 (things, 4 * latents, 2): x and y in [0, 1] for each frame, NaN for none;
    None leaves motion to the model. `start` (channels, latents, height, width) are latents of other
    frames, followed down to noise level `strength`: 1 leaves nothing of them, 0 shows them
    unchanged. `cut`: a new scene begins with this chunk, which weights of several shots keep in
    view from then on. `looks` are pictures of what the prompt names, for a model that takes them.
    """

    prompt: EncodedPrompt
    track: Tensor | None = None
    start: Tensor | None = None
    strength: float = 1.0
    cut: bool = False
    looks: ChunkLooks | None = None


def track_maps(track: Tensor | None, latents: int, height: int, width: int) -> Tensor:
    """Return the condition of a chunk, float32 (MAX_THINGS * MAP_CHANNELS, latents, height, width).

    Raises:
        ValueError: the track is not of shape (up to MAX_THINGS, 4 * latents, 2).
    """
    if track is None:
        return torch.zeros(MAX_THINGS * MAP_CHANNELS, latents, height, width)
    things, pictures = track.shape[:2]
    if things > MAX_THINGS or pictures != FRAMES_PER_LATENT * latents or track.shape[2:] != (2,):
        expected = f"(up to {MAX_THINGS}, {FRAMES_PER_LATENT * latents}, 2)"
        raise ValueError(f"expected a track of {expected}, got {tuple(track.shape)}")
    shape = (MAX_THINGS, MAP_CHANNELS, latents, height, width)
    out = torch.zeros(shape, device=track.device)
    out[:things] = _maps(track, latents, height, width)
    return out.flatten(0, 1)


def track_map_batch(tracks: Tensor, latents: int, height: int, width: int) -> Tensor:
    """Return `track_maps` of each of (batch, MAX_THINGS, 4 * latents, 2), on its device."""
    made = _maps(tracks.flatten(0, 1), latents, height, width)
    return torch.unflatten(made, 0, tracks.shape[:2]).flatten(1, 2)


def _maps(track: Tensor, latents: int, height: int, width: int) -> Tensor:
    """Return the maps of each of (things, pictures, 2): (things, MAP_CHANNELS, latents, h, w)."""
    known = torch.isfinite(track).all(2)
    place = torch.where(known[..., None], track, 0.5)
    place = torch.unflatten(place, 1, (latents, FRAMES_PER_LATENT))
    known = torch.unflatten(known, 1, (latents, FRAMES_PER_LATENT))
    dx = place[..., 0, None, None] - _cell_centers(width, track.device)
    dy = place[..., 1, None, None] - _cell_centers(height, track.device)[:, None]
    spots = torch.exp(-(dx.square() + dy.square()) / (2 * SPREAD**2)) * known[..., None, None]
    every = known.all(2)[..., None, None]
    ways = torch.stack([way.expand(-1, -1, -1, height, width) for way in (dx, dy)], 3)
    offsets = ways.mean(2) * every[:, :, None]
    waves = _fourier_features(ways[:, :, list(END_FRAMES)]) * every[:, :, None]
    shown = every.float().expand(-1, -1, height, width)[:, :, None]
    return torch.cat([spots, offsets, shown, waves], 2).transpose(1, 2)


def _fourier_features(ways: Tensor) -> Tensor:
    """Return sines and cosines of (things, latents, ends, axes, h, w).

    Ends, axes and frequencies become one dimension.
    """
    periods = torch.tensor(FREQUENCIES, device=ways.device)[:, None, None]
    turns = 2 * math.pi * periods * ways[:, :, :, :, None]
    return torch.stack([turns.sin(), turns.cos()], 5).flatten(2, 5)


def _cell_centers(count: int, device: torch.device) -> Tensor:
    """Return the centers of `count` cells in [0, 1]."""
    return (torch.arange(count, device=device) + 0.5) / count
