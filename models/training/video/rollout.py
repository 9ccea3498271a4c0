"""Few-step training on the model's own streams.

A stream is generated latent by latent as `MotionStream` does, with keys and values of its own
latents; the last call of each latent keeps its gradient. A frozen teacher and a critic, which
learns to denoise such streams, tell in which direction they are less likely than clips: that is the
gradient.

Sources: Self Forcing, Huang et al. 2025, section 3; DMD2, Yin et al. 2024, section 4.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.generation.context import Reach, in_view
from models.generation.dit import Dit, KeysValues, TextKeysValues
from models.generation.schedules import add_noise
from models.training.video.denoising import DitBatch, Past, denoised
from models.training.video.shapes import Shape


def roll_out(
    model: Dit,
    text: TextKeysValues,
    condition: Tensor,
    noise: Tensor,
    levels: Sequence[float],
    exits: Sequence[int],
    reach: Reach,
) -> Tensor:
    """Return latents (batch, channels, count, h, w), one after the other.

    `noise` is (steps, batch, channels, count, h, w); `condition` the track maps of all latents.
    Latent `n` is the output of call `exits[n]`, whose gradient is kept; a call is at a level.
    """
    order: tuple[int, ...] = ()
    kept: dict[int, KeysValues] = {}
    made: list[Tensor] = []
    for index, last in enumerate(exits):
        one = slice(index, index + 1)
        past, own = _joined([kept[place] for place in order]), condition[:, :, one]
        clean = noise[0, :, :, one]
        for number in range(last + 1):
            fresh = noise[number, :, :, one]
            noisy = add_noise(clean, levels[number], fresh) if number else fresh
            level = noisy.new_full((len(noisy), 1), levels[number])
            with torch.set_grad_enabled(number == last and torch.is_grad_enabled()):
                clean, _ = model(noisy, level, text, condition=own, past=past)
        made.append(clean)
        with torch.no_grad():
            level = clean.new_zeros((len(clean), 1))
            _, kept[index] = model(clean.detach(), level, text, condition=own, past=past)
        order = in_view((*order, index), reach)
    return torch.cat(made, 2)


def _joined(parts: Sequence[KeysValues]) -> KeysValues | None:
    if not parts:
        return None
    return KeysValues(
        torch.cat([part.keys for part in parts], 3), torch.cat([part.values for part in parts], 3)
    )


def matching_loss(
    made: Tensor,
    batch: DitBatch,
    shape: Shape,
    noise: Tensor,
    teacher: tuple[Dit, TextKeysValues],
    critic: tuple[Dit, TextKeysValues],
) -> Tensor:
    """Return a loss whose gradient moves `made` from what the critic expects to the teacher's.

    Both denoise `made` at the levels of `shape`, after a context of `made` itself.
    """
    own = replace(batch, latents=made.detach())
    past = Past(own.latents, own.condition)
    with torch.no_grad():
        real, fake = (
            denoised(model, own, shape, past, noise, text) for model, text in (teacher, critic)
        )
        latents = own.latents[:, :, list(shape.order[shape.clean :])]
        size = (latents - real).abs().mean((1, 2, 3, 4), keepdim=True) + 1e-3
        aim = latents - (fake - real) / size
    return 0.5 * (made[:, :, list(shape.order[shape.clean :])] - aim).square().mean()
