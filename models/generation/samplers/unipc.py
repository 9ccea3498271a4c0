"""UniPC: from one noise level to the next along the flow, with the last two predictions.

It is a solver of the flow's ODE: nothing is noised again, as the other few-step schedules do. Each
step predicts the latents at the next level; once the model has read these, the step is corrected,
and the next one starts from there. Of order 2, in the variant B2(h) = exp(h) - 1.

Source: UniPC, Zhao et al. 2023, section 3; its levels are those of Wan's own sampler.
"""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from models.generation.schedules import shift_level

ORDER = 2
FIRST = 0.999  # level of the first step before it is shifted: the last of 1000 trained ones


@dataclass(frozen=True, slots=True, eq=False)
class UniPcState:
    """The steps so far, the last two at most: their levels and clean predictions.

    `latents` are those at the last level, corrected.
    """

    levels: tuple[float, ...] = ()
    clean: tuple[Tensor, ...] = ()
    latents: Tensor | None = None


def unipc_levels(count: int, shift: float) -> tuple[float, ...]:
    """Return the noise levels of `count` steps, the last of which gives the clean latents."""
    each = (FIRST * (1 - number / count) for number in range(count))
    return tuple(float(np.float32(shift_level(level, shift))) for level in each)  # as theirs


def trained_level(level: float) -> float:
    """Return the level that the model is told: Wan's whole time step below `level`."""
    return math.floor(level * 1000) / 1000


def correct(state: UniPcState, level: float, latents: Tensor, clean: Tensor) -> UniPcState:
    """Return the state after the model has predicted `clean` of `latents` at `level`."""
    if state.latents is not None:
        latents = _move(state, level, clean)
    levels, made = (*state.levels, level), (*state.clean, clean)
    return UniPcState(levels[-ORDER:], made[-ORDER:], latents)


def predict(state: UniPcState, level: float) -> Tensor:
    """Return the latents at `level`, which is below the last one of `state`."""
    return _move(state, level, None)


def _move(state: UniPcState, level: float, ahead: Tensor | None) -> Tensor:
    """Return the latents at `level`; `ahead` is the clean prediction there, if it is known."""
    assert state.latents is not None
    start, last = state.levels[-1], state.clean[-1]
    h = log_ratio(level) - log_ratio(start)
    grown = math.expm1(-h)
    change = last
    slopes: list[Tensor] = []
    weights: tuple[float, ...] = () if ahead is None else (0.5,)
    if len(state.clean) == ORDER:
        ratio = (log_ratio(state.levels[0]) - log_ratio(start)) / h
        slopes.append((state.clean[0] - last) / ratio)
        weights = _corrector_weights(h, ratio) if ahead is not None else (0.5,)
    if ahead is not None:
        slopes.append(ahead - last)
    for weight, slope in zip(weights, slopes, strict=True):
        change = change + weight * slope
    return level / start * state.latents - (1 - level) * grown * change


def _corrector_weights(h: float, ratio: float) -> tuple[float, ...]:
    """Return the weights of the earlier slope and of the one ahead."""
    grown = math.expm1(-h)
    second = grown / -h - 1
    third = second / -h - 0.5
    one, two = second / grown, 2 * third / grown
    earlier = (two - one) / (ratio - 1)
    return earlier, one - earlier


def log_ratio(level: float) -> float:
    """Return the logarithm of the signal's share over the noise's at a noise level."""
    return math.log(1 - level) - math.log(level)
