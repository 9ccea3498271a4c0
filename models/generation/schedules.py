"""Noise levels of the latents in a window, and reproducible noise.

Level 1 is pure noise, level 0 a clean latent. Noise is a function of the seed, the latent's index
in the stream and the step, not of the order of calls: a stream gives the same frames when it is
cut, copied or resumed.
"""

import torch
from torch import Tensor

SHIFT = 5.0  # of Wan's levels; a higher one reduces drift of samplers with chunks in flight
ROLLING_FORCING_LEVELS = (
    1.0,
    0.952,
    0.882,
    0.769,
    0.556,
)  # 1000/800/600/400/200 with SHIFT: Rolling Forcing


def shift_level(level: float, shift: float) -> float:
    """Return `level` moved toward noise by `shift`; 1 leaves it.

    Source: Esser et al. 2024, "Scaling rectified flow transformers", section 5.3.2.
    """
    return shift * level / (1 + (shift - 1) * level)


def seeded_noise(seed: int, index: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the noise of latent `index` at `step`, float32 of `shape`."""
    rng = torch.Generator().manual_seed(mix_seed(seed, index, step))
    return torch.randn(shape, generator=rng)


def mix_seed(*numbers: int) -> int:
    """Return a seed in [0, 2**63) from several numbers; similar ones give unrelated seeds.

    Source: the finalizer of SplitMix64, Steele et al. 2014.
    """
    state = 0
    for number in numbers:
        state = (state ^ (number & 0xFFFFFFFFFFFFFFFF)) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1


def add_noise(clean: Tensor, level: float, noise: Tensor) -> Tensor:
    """Return `clean` with noise up to `level`: the straight path of rectified flow."""
    return (1 - level) * clean + level * noise


def partition_level(chunk: int, done: int, chunks: int, steps: int, shift: float = 1.0) -> float:
    """Return the level of the `chunk`-th of `chunks` in flight, `done` of `steps` into a cycle.

    Chunk 0 is the oldest. Each cycle lowers every chunk by 1 / `chunks`.

    Source: StreamDiT, Kodaira et al. 2025, section 3.2 (the diagonal partition).
    """
    return shift_level((chunk + 1 - done / steps) / chunks, shift)
