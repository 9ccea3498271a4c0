"""The loss of the video model, and the contexts that it is trained with."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.generation.dit import Dit, TextKeysValues
from models.training.video import shapes
from models.training.video.shapes import Shape

LEVEL_OFFSET = 0.05  # added to squared levels: without it, low noise would dominate the loss


@dataclass(frozen=True, slots=True, eq=False)
class DitBatch:
    """The clips of a step as tensors; `weights` is (clips, 1, latents, h, w)."""

    latents: Tensor
    condition: Tensor
    weights: Tensor
    captions: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The latents and the condition of a context, of the shapes of the batch."""

    latents: Tensor
    condition: Tensor


def loss_of(
    model: Dit, batch: DitBatch, shape: Shape, past: Past, noise: Tensor, text: TextKeysValues
) -> Tensor:
    """Return the weighted squared error of the denoised latents.

    Errors are weighted by the inverse squared noise level, as errors of the flow would be.
    """
    order = list(shape.order)
    truth = batch.latents[:, :, order[shape.clean :]]
    made = denoised(model, batch, shape, past, noise, text)
    weights = batch.weights[:, :, order[shape.clean :]]
    weights = weights / (shape.levels.square() + LEVEL_OFFSET)[:, None, None]
    return ((made - truth).square() * weights).mean() / weights.mean()


def denoised(
    model: Dit, batch: DitBatch, shape: Shape, past: Past, noise: Tensor, text: TextKeysValues
) -> Tensor:
    """Return the denoised latents of `shape`, after a context from `past`.

    `noise` has the shape of the batch's latents.
    """
    order = list(shape.order)
    clean, noisy = order[: shape.clean], order[shape.clean :]
    level = shape.levels[:, None, None]
    mixed = (1 - level) * batch.latents[:, :, noisy] + level * noise[:, :, noisy]
    levels = torch.cat([shape.levels.new_zeros(shape.clean), shape.levels]).expand(len(mixed), -1)
    made: Tensor
    made, _ = model(
        torch.cat([past.latents[:, :, clean], mixed], 2),
        levels,
        text,
        condition=torch.cat([past.condition[:, :, clean], batch.condition[:, :, noisy]], 2),
        positions=shape.positions,
        mask=shape.mask,
    )
    return made[:, :, shape.clean :]


def switched_past(batch: DitBatch, shape: Shape, rng: np.random.Generator) -> Past:
    """Return a past whose first latents are those of the next clip of the batch."""
    latents, condition = batch.latents.clone(), batch.condition.clone()
    if shape.clean:
        other = list(shape.order[: rng.integers(1, shape.clean + 1)])
        latents[:, :, other] = batch.latents.roll(1, 0)[:, :, other]
        condition[:, :, other] = batch.condition.roll(1, 0)[:, :, other]
    return Past(latents, condition)


@torch.no_grad()
def generated_past(
    model: Dit, batch: DitBatch, shape: Shape, noise: Tensor, text: TextKeysValues, level: float
) -> Past:
    """Return the batch's latents, with the model's own output in the context.

    Each is denoised from `level` after the true ones before it: one step of a stream, for all
    latents of the context in parallel.
    """
    past = Past(batch.latents.clone(), batch.condition)
    clip = shape.order[: shape.clean]
    if clip:
        again = shapes.side_by_side(clip, [level] * len(clip)).to(noise.device)
        past.latents[:, :, list(clip)] = denoised(model, batch, again, past, noise, text)
    return past
