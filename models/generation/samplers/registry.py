"""The samplers by name, each with a number of steps that it can do.

| name | a step is | by default | at most |
|---|---|---|---|
| motion-stream | a call for each chunk | 2 | 8 |
| rolling-forcing | a chunk in flight | 5 | 5: there are as many trained levels |
| stream-dit | an Euler call of each cycle | 1 | 8 |
"""

from typing import Any

from torch import Tensor

from models.generation.backbone import Backbone
from models.generation.control import Control
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.generation.schedules import ROLLING, SHIFT, shifted
from models.streaming import Streaming

STEPS = {"motion-stream": 2, "rolling-forcing": len(ROLLING), "stream-dit": 1}  # by default
MOST = {"motion-stream": 8, "rolling-forcing": len(ROLLING), "stream-dit": 8}
FALLING = 7 / 3  # towards noise: two steps of MotionStream are at 1 and 0.7

# The states of samplers have nothing in common but their owner: hence Any.


def sampler(
    name: str, backbone: Backbone, *, steps: int | None = None, seed: int = 0
) -> Streaming[Any, Control, Tensor]:
    """Return the sampler `name`, with its own number of steps where `steps` is None.

    Raises:
        ValueError: there is no such sampler, or it cannot do so many steps.
    """
    if name not in STEPS:
        raise ValueError(f"expected one of {', '.join(STEPS)}, got {name}")
    count = STEPS[name] if steps is None else steps
    if not 1 <= count <= MOST[name]:
        raise ValueError(f"{name} takes 1 to {MOST[name]} steps, got {count}")
    if name == "motion-stream":
        return MotionStream(backbone, falling(count), seed)
    if name == "rolling-forcing":
        return RollingForcing(backbone, ramp(count), seed)
    return StreamDiT(backbone, steps=count, shift=SHIFT, seed=seed)


def falling(count: int) -> tuple[float, ...]:
    """Return `count` noise levels that fall from 1, the more slowly the higher."""
    return tuple(shifted(1 - number / count, FALLING) for number in range(count))


def ramp(count: int) -> tuple[float, ...]:
    """Return `count` of the embedded model's levels, from 1 on: others were not trained."""
    apart = (len(ROLLING) - 1) / max(1, count - 1)
    return tuple(ROLLING[round(number * apart)] for number in range(count))
