"""What the video transformer is trained with: a recipe, and the clips of a step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.control import track_map_batch
from models.generation.looks import ChunkLooks
from models.training.video.clips.captions import caption
from models.training.video.denoising import DitBatch
from models.training.video.latents import LatentClips


@dataclass(frozen=True, slots=True, kw_only=True)
class DitRecipe:
    """A run: `steps` over `clips` clips; rates rise over `warmup`, then fall.

    `weight` is the additional weight of an object's token. `switched` is the share of steps with a
    changed prompt: the context is of another clip. After the share `own_from` of the steps, `own`
    is the share of the other steps with a context that the model generated. `hidden` and `cut` are
    the shares of tracks that are hidden entirely, or for a while, `unseen` that of looks.
    """

    steps: int = 30_000
    clips: int = 8
    matrix_rate: float = 0.02
    other_rate: float = 2e-3
    warmup: int = 300
    weight: float = 4.0
    switched: float = 0.15
    own: float = 0.4
    own_from: float = 0.2
    hidden: float = 0.04
    cut: float = 0.06
    unseen: float = 0.04
    smoothing: float = 0.999
    seed: int = 1


# of a run that begins with weights
CONTINUED = DitRecipe(matrix_rate=0.01, warmup=30, own_from=0.05)


def hide_tracks(rng: np.random.Generator, tracks: Tensor, recipe: DitRecipe) -> Tensor:
    """Return (clips, MAX_THINGS, frames, 2) with some hidden, entirely or for a while."""
    things, frames = tracks.shape[:2], tracks.shape[2]
    drawn = rng.random(things)
    ends = np.sort(rng.integers(0, frames + 1, (2, *things)), 0)
    ends[:, drawn >= recipe.hidden + recipe.cut] = 0  # none is hidden
    ends[:, drawn < recipe.hidden] = np.array([[0], [frames]])
    at = np.arange(frames)
    hidden = (at >= ends[0, ..., None]) & (at < ends[1, ..., None])
    return tracks.masked_fill(torch.from_numpy(hidden).to(tracks.device)[..., None], float("nan"))


def batch_of(kept: LatentClips, recipe: DitRecipe, rng: np.random.Generator) -> DitBatch:
    chosen = rng.integers(len(kept.labels), size=recipe.clips)
    latents = kept.latents[chosen].float()
    tracks = hide_tracks(rng, kept.tracks[chosen], recipe)
    looks = [
        clip_look_maps(rng, kept, index, track, recipe)
        for index, track in zip(chosen, tracks, strict=True)
    ]
    maps = track_map_batch(tracks, *latents.shape[2:])
    condition = torch.cat([maps, torch.stack(looks)], 1)
    weights = 1 + recipe.weight * kept.weights[chosen].float()[:, None] / 255
    captions = [caption(rng, *kept.labels[index]) for index in chosen]
    return DitBatch(latents, condition, weights, captions)


def clip_look_maps(
    rng: np.random.Generator, kept: LatentClips, index: int, track: Tensor, recipe: DitRecipe
) -> Tensor:
    """Return the look maps of clip `index`, without the looks of what has no track at a time.

    A share `recipe.unseen` of its pictures is left out.
    """
    looks = kept.chunk_looks(index)
    seen = torch.from_numpy(rng.random(len(track) + 1) >= recipe.unseen).to(track.device)
    tracked = torch.unflatten(track.isfinite().all(2), 1, (-1, FRAMES_PER_LATENT)).all(2)
    shown = (tracked & seen[:-1, None])[:, None, :, None, None]
    return ChunkLooks(looks.things * shown, looks.ground * seen[-1]).maps


def drawn_noise(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Return noise of the shape of `like`, drawn where it is."""
    if like.device.type == "cpu":
        return torch.from_numpy(rng.standard_normal(like.shape, np.float32))
    own = torch.Generator(like.device).manual_seed(int(rng.integers(2**62)))
    return torch.randn(like.shape, generator=own, device=like.device)


def gray_latent(kept: LatentClips, clips: int = 100) -> Tensor:
    """Return the latent of a gray picture, (channels,): backgrounds less their looks."""
    latents, alone = kept.latents[:clips].float(), kept.weights[:clips] == 0
    left = latents - kept.grounds[:clips].float()[:, :, None]
    return left.transpose(0, 1)[:, alone].median(1).values
