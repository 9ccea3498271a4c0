"""The samplers by name, each with its range of steps.

| name | a step is | default | at most |
|---|---|---|---|
| motion-stream | a call for each chunk | 2 | 8 |
| rolling-forcing | a chunk in flight | 5 | 5: there are as many trained levels |
| stream-dit | an Euler call of each cycle | 1 | 8 |
"""

from typing import Any

from models.generation.backbone import Backbone
from models.generation.generator import Sampler
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.generation.schedules import ROLLING_FORCING_LEVELS, SHIFT, shift_level

DEFAULT_STEPS = {
    "motion-stream": 2,
    "rolling-forcing": len(ROLLING_FORCING_LEVELS),
    "stream-dit": 1,
}  # by default
MAX_STEPS = {"motion-stream": 8, "rolling-forcing": len(ROLLING_FORCING_LEVELS), "stream-dit": 8}
MOTION_STREAM_SHIFT = 7 / 3  # puts the two default steps at 1 and 0.7

# Any: each sampler has its own type of state.


def create_sampler(
    name: str, backbone: Backbone, *, steps: int | None = None, seed: int = 0
) -> Sampler[Any]:
    """Return the sampler `name`; None is its default number of steps.

    Raises:
        ValueError: there is no such sampler, or `steps` is out of its range.
    """
    if name not in DEFAULT_STEPS:
        raise ValueError(f"expected one of {', '.join(DEFAULT_STEPS)}, got {name}")
    count = DEFAULT_STEPS[name] if steps is None else steps
    if not 1 <= count <= MAX_STEPS[name]:
        raise ValueError(f"{name} takes 1 to {MAX_STEPS[name]} steps, got {count}")
    if name == "motion-stream":
        return MotionStream(backbone, motion_stream_levels(count), seed)
    if name == "rolling-forcing":
        return RollingForcing(backbone, rolling_forcing_levels(count), seed)
    return StreamDiT(backbone, steps=count, shift=SHIFT, seed=seed)


def motion_stream_levels(count: int) -> tuple[float, ...]:
    """Return `count` noise levels that fall from 1, more slowly at high noise."""
    return tuple(shift_level(1 - number / count, MOTION_STREAM_SHIFT) for number in range(count))


def rolling_forcing_levels(count: int) -> tuple[float, ...]:
    """Return `count` of the trained levels, from 1 down."""
    apart = (len(ROLLING_FORCING_LEVELS) - 1) / max(1, count - 1)
    return tuple(ROLLING_FORCING_LEVELS[round(number * apart)] for number in range(count))
