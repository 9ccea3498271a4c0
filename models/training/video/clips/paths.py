"""Paths of objects in the composed clips, and the words for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation.chunk_request import FRAME_RATE

Floats = NDArray[np.float32]
Numbers = NDArray[np.float32] | NDArray[np.float64]

NEAR, FAR = 0.14, 0.86  # range of an object's center, as a share of the frame
DIRECTIONS = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "up": (0.0, -1.0),
    "down": (0.0, 1.0),
}
MOTIONS = (*DIRECTIONS, "circle", "bounce", "wave", "still", "free")


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPath:
    """The name of a motion, and its path: float32 (frames, 2), x and y of the center in [0, 1]."""

    motion: str
    points: Floats


def draw(rng: np.random.Generator, frames: int) -> ObjectPath:
    """Return a random path: free in half of the cases, else with a named motion."""
    motion = "free" if rng.random() < 0.5 else str(rng.choice(MOTIONS[:-1]))
    return ObjectPath(motion, path(motion, rng, frames))


def path(motion: str, rng: np.random.Generator, frames: int) -> Floats:
    """Return `motion` as float32 (frames, 2), with random place, speed and size."""
    time = np.arange(frames, dtype=np.float32) / FRAME_RATE
    start = rng.uniform(0.25, 0.75, 2).astype(np.float32)
    if motion in DIRECTIONS:
        return _straight(np.array(DIRECTIONS[motion], np.float32), rng, time)
    if motion == "circle":
        return _circle(rng, time)
    if motion == "bounce":
        return _clip(np.stack([start[0] + 0 * time, _hops(rng, time)], 1))
    if motion == "wave":
        return _wave(rng, time)
    if motion == "still":
        return _clip(np.broadcast_to(start, (frames, 2)))
    return _free(rng, time)


def _clip(points: Numbers) -> Floats:
    inside: Floats = np.clip(points, NEAR, FAR).astype(np.float32)
    return inside


def _straight(direction: Numbers, rng: np.random.Generator, time: Numbers) -> Floats:
    """Cross the frame and stop at its edge."""
    start = 0.5 - 0.33 * direction + rng.uniform(-0.08, 0.08, 2)
    start = np.where(direction == 0, rng.uniform(0.3, 0.7, 2), start)
    return _clip(start + direction * time[:, None] * rng.uniform(0.2, 0.5))


def _circle(rng: np.random.Generator, time: Numbers) -> Floats:
    turn = rng.uniform(0.25, 0.55) * rng.choice([-1, 1])  # turns a second
    angle = 2 * np.pi * (turn * time + rng.random())
    middle, radius = rng.uniform(0.42, 0.58, 2), rng.uniform(0.16, 0.28)
    return _clip(middle + radius * np.stack([np.cos(angle), np.sin(angle)], 1))


def _hops(rng: np.random.Generator, time: Numbers) -> Numbers:
    phase = np.mod(time * rng.uniform(0.8, 1.3) + rng.random(), 1.0)
    height: Numbers = 0.75 - rng.uniform(0.3, 0.5) * 4 * phase * (1 - phase)
    return height


def _wave(rng: np.random.Generator, time: Numbers) -> Floats:
    middle, width = rng.uniform(0.42, 0.58, 2), rng.uniform(0.18, 0.32)
    swing = np.sin(2 * np.pi * (rng.uniform(0.25, 0.5) * time + rng.random()))
    return _clip(np.stack([middle[0] + width * swing, middle[1] + 0 * time], 1))


def _free(rng: np.random.Generator, time: Numbers) -> Floats:
    """Move between random places as by hand: a Catmull-Rom curve with a knot each half second.

    A step between knots is short enough that 64 pixels do not blur; some knots stay in place.
    """
    count = int(time[-1] * 2) + 5
    knots = [rng.uniform(NEAR, FAR, 2)]
    for _ in range(count):
        step = rng.normal(0, 0.16, 2) * (rng.random() > 0.15)
        knots.append(np.clip(knots[-1] + step, NEAR, FAR))
    at = time * 2 + 1
    whole = at.astype(int)
    part = (at - whole)[:, None]
    a, b, c, d = (np.stack(knots)[whole + k] for k in (-1, 0, 1, 2))
    curve = b + 0.5 * part * (
        c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a))
    )
    return _clip(curve)
