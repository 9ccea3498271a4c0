"""Tracks for prompts without one: motion words become paths.

The small model follows tracks; it does not reliably read motion from words. `plan_motion` takes the
motion of each thing from the reading of a prompt, and `MotionPlan.track` gives its position in each
frame.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.chunk_request import FRAME_RATE
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.small.prompts.reading import FREE, PromptReading

# of one or two things: two with the same motion are never in the same place
START_POSITIONS = {1: ((0.5, 0.5),), 2: ((0.32, 0.36), (0.68, 0.64))}


@dataclass(frozen=True, slots=True)
class MotionPlan:
    """The motion of each thing, in the order of the prompt; `speed` 1 is as in training."""

    motions: tuple[str, ...]
    speeds: tuple[float, ...]

    def track(self, first: int, count: int) -> Tensor:
        """Return the positions of things in frames `first` to `first + count - 1`.

        float32 (things, count, 2), x and y in [0, 1].
        """
        starts = START_POSITIONS[len(self.motions)]
        lines = [
            [
                position_at(motion, start, speed * frame / FRAME_RATE)
                for frame in range(first, first + count)
            ]
            for motion, start, speed in zip(self.motions, starts, self.speeds, strict=True)
        ]
        return torch.tensor(lines)

    def chunk(self, index: int, latents: int = 1) -> Tensor:
        count = FRAMES_PER_LATENT * latents
        return self.track(index * count, count)


def plan_motion(reading: PromptReading) -> MotionPlan:
    """Return the motion plan of a prompt.

    A thing without a motion, or one that a prompt without things leaves to the model, follows a
    wide curve.
    """
    if not reading.things:
        return MotionPlan((FREE,), (1.0,))
    return MotionPlan(
        tuple(thing.motion or FREE for thing in reading.things),
        tuple(thing.speed for thing in reading.things),
    )


def position_at(motion: str, start: tuple[float, float], time: float) -> tuple[float, float]:
    """Return the position after `time` seconds of `motion` from `start`.

    Motions across the frame repeat: a stream does not end at its edge.
    """
    x, y = start
    turn = math.tau * time
    if motion in ("left", "right"):
        way = -1 if motion == "left" else 1
        return 0.5 + way * _sweep(0.25 * time), y
    if motion in ("up", "down"):
        way = -1 if motion == "up" else 1
        return x, 0.5 + way * _sweep(0.25 * time)
    if motion == "circle":
        return 0.5 + 0.24 * math.cos(0.4 * turn + 6 * x), 0.5 + 0.24 * math.sin(0.4 * turn + 6 * x)
    if motion == "bounce":
        part = time % 1.0
        return x, 0.74 - 0.42 * 4 * part * (1 - part)
    if motion == "wave":
        return 0.5 + 0.27 * math.sin(0.35 * turn + x - 0.5), y
    if motion == "still":
        return x, y
    return x + 0.16 * math.sin(0.13 * turn), y + 0.18 * math.sin(0.21 * turn)


def _sweep(way: float) -> float:
    """Return an offset in [-0.33, 0.33] that rises with `way`, then falls quickly, and repeats."""
    part = way % 1.0
    return 0.33 * (2 * part / 0.8 - 1) if part < 0.8 else 0.33 * (1 - 2 * (part - 0.8) / 0.2)
