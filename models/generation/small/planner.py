"""Tracks for prompts without one: motion words become paths.

The small model follows tracks; it does not reliably read motion from words. `plan_motion` finds the
motion of each thing in a prompt, and `MotionPlan.track` gives its position in each frame.
`MotionPlan.motions` names the motions, to tell the user.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from models.generation.chunk_request import FRAME_RATE, MAX_THINGS
from models.generation.codec import FRAMES_PER_LATENT

MOTIONS: dict[str, str] = {  # the first one in the text decides
    "circle": r"circl\w*|round|orbit\w*|spin\w*|spiral\w*",
    "bounce": r"bounc\w*|hop\w*|jump\w*|up and down|leap\w*",
    "wave": r"back and forth|side to side|swing\w*|sway\w*|rock\w*|left and right",
    "left": r"left\w*",
    "right": r"right\w*",
    "up": r"up|upwards?|rising|rises?|climb\w*|float\w*|lift\w*",
    "down": r"down|downwards?|sink\w*|fall\w*|drop\w*|descend\w*",
    "still": r"still|not move|rest\w*|motionless|sitting|sits|stands?|standing",
}
SPEEDS = {r"fast|quick\w*|rapid\w*": 1.6, r"slow\w*|gentl[ey]|calm\w*": 0.55}
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


def plan_motion(text: str, things: Sequence[str]) -> MotionPlan:
    """Return the motion plan of `text`; `things` are the names that the model knows.

    Words after a thing belong to it, those before the first to the first; in "a bouncing duck" the
    thing starts at its article. In "a duck and a car moving left" both move. A thing without a
    motion follows a wide curve.
    """
    low = " ".join(re.findall(r"[a-z]+", text.lower()))
    longest_first = sorted(things, key=len, reverse=True)
    names = "|".join(map(re.escape, longest_first))
    named = re.compile(rf"\b(?:an? |the )?(?:\w+(?:ing|ly) ){{0,2}}(?:{names})s?\b")
    starts = [found.start() for found in named.finditer(low)][:MAX_THINGS] or [0]
    bounds = [0, *starts[1:], len(low)]
    parts = [low[start:end] for start, end in pairwise(bounds)]
    joined = len(parts) == MAX_THINGS and re.search(rf"\b(?:{names})s? and $", parts[0])
    if joined and _motion(parts[0]) == "free":
        parts[0] += parts[1]
    return MotionPlan(tuple(_motion(part) for part in parts), tuple(_speed(part) for part in parts))


def _motion(words: str) -> str:
    found = {
        motion: match.start()
        for motion, pattern in MOTIONS.items()
        if (match := re.search(rf"\b(?:{pattern})\b", words))
    }
    return min(found, key=found.__getitem__) if found else "free"


def _speed(words: str) -> float:
    for pattern, speed in SPEEDS.items():
        if re.search(rf"\b(?:{pattern})\b", words):
            return speed
    return 1.0


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
