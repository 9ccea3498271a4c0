"""Noise: how much of it each latent of a window carries, and how it is drawn.

A level is 1 for nothing but noise and 0 for a clean latent. Noise is a function of the seed, the
latent's number in the stream and the step, never of the order of calls: a stream gives the same
pictures however it was cut, copied or resumed.
"""

import torch
from torch import Tensor

SHIFT = 5.0  # of Wan's levels: a stream that sees chunks in flight drifts the less, the higher
ROLLING_FORCING_LEVELS = (
    1.0,
    0.952,
    0.882,
    0.769,
    0.556,
)  # 1000/800/600/400/200 with SHIFT: Rolling Forcing


def shift_level(level: float, shift: float) -> float:
    """Return `level` moved towards noise by `shift`, 1 for unmoved.

    Source: Esser et al. 2024, "Scaling rectified flow transformers", section 5.3.2.
    """
    return shift * level / (1 + (shift - 1) * level)


def seeded_noise(seed: int, index: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Return the noise of latent `index` at `step`, float32 of `shape`."""
    rng = torch.Generator().manual_seed(mix_seed(seed, index, step))
    return torch.randn(shape, generator=rng)


def mix_seed(*numbers: int) -> int:
    """Return one number in [0, 2**63) from several, well apart for neighbouring ones.

    Source: the finaliser of SplitMix64, Steele et al. 2014.
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

    Chunk 0 is the oldest. Each cycle takes every chunk down by one stair of 1 / `chunks`.

    Source: StreamDiT, Kodaira et al. 2025, section 3.2 (the diagonal partition).
    """
    return shift_level((chunk + 1 - done / steps) / chunks, shift)
