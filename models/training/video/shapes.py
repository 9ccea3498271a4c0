"""The shapes of context and window that inference uses, drawn for training.

A model fails on a shape that it was not trained on, and a stream starts with the rarest: an empty
context and a window that fills. So training draws the shapes of each sampler, with warm-up and
flush.

| sampler | clean latents | noisy latents | levels | a noisy latent attends to |
|---|---|---|---|---|
| MotionStream | all but the last | all, side by side | any, one for each | earlier clean, itself |
| Rolling Forcing | 0 to reach | 1 to T | the ramp | all |
| StreamDiT | 0 to reach.window | 1 to N | the staircase | all |

Clean latents attend to earlier clean ones; in StreamDiT, which has no cache, to all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.generation.context import Reach
from models.generation.schedules import ROLLING_FORCING_LEVELS, SHIFT, partition_level, shift_level

Rng = np.random.Generator

CHUNKS = 5  # in flight, StreamDiT
SHARES = {"motion_stream": 0.4, "rolling_forcing": 0.35, "stream_dit": 0.25}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A drawn shape.

    `order` are the clip's latents in the sequence: the clean ones, then the noisy ones, from
    `clean` on. `levels` float32 (noisy), `positions` int64 (sequence), `mask` bool (sequence,
    sequence) as `Dit` takes them.
    """

    kind: str
    order: tuple[int, ...]
    clean: int
    levels: Tensor
    positions: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Shape":
        """Return the same shape with the tensors on `device`."""
        levels, positions, mask = (
            part.to(device) for part in (self.levels, self.positions, self.mask)
        )
        return replace(self, levels=levels, positions=positions, mask=mask)


def draw(rng: Rng, latents: int, reach: Reach) -> Shape:
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if kind == "motion_stream":
        return motion_stream(rng, latents, reach)
    if kind == "rolling_forcing":
        return rolling_forcing(rng, latents, reach)
    return stream_dit(rng, latents, reach)


def motion_stream(rng: Rng, latents: int, reach: Reach) -> Shape:
    """Return one latent more than the context holds, each predicted from those before."""
    count = min(latents, reach.latents + 1)
    return side_by_side(_with_gap(rng, latents, count, reach), [_level(rng) for _ in range(count)])


def side_by_side(clip: tuple[int, ...], levels: Sequence[float]) -> Shape:
    """Return the latents of `clip`, each with noise and after the clean ones before it."""
    count, clean = len(clip), len(clip) - 1
    order = (*clip[:-1], *clip)
    mask = torch.zeros(len(order), len(order), dtype=torch.bool)
    mask[:clean, :clean] = torch.ones(clean, clean).tril().bool()
    mask[clean:, :clean] = torch.ones(count, clean).tril(-1).bool()
    mask[clean:, clean:] = torch.eye(count).bool()
    positions = torch.cat([torch.arange(clean), torch.arange(count)])
    return Shape("motion_stream", order, clean, torch.tensor(levels), positions, mask)


def rolling_forcing(rng: Rng, latents: int, reach: Reach) -> Shape:
    """Return a window that fills, is full, or empties."""
    depth = len(ROLLING_FORCING_LEVELS)
    state = rng.choice(["fills", "full", "empties"], p=[0.25, 0.6, 0.15])
    window = depth if state == "full" else int(rng.integers(1, depth))
    clean = 0 if state == "fills" else int(rng.integers(0, reach.latents + 1))
    oldest = window if state == "fills" else depth  # calls of the oldest so far, and this one
    levels = [ROLLING_FORCING_LEVELS[oldest - 1 - place] for place in range(window)]
    clip = _with_gap(rng, latents, clean + window, reach)
    size = clean + window
    mask = torch.ones(size, size).tril().bool()
    mask[clean:] = True
    return Shape("rolling_forcing", clip, clean, torch.tensor(levels), torch.arange(size), mask)


def stream_dit(rng: Rng, latents: int, reach: Reach) -> Shape:
    """Return a buffer that fills, is full, or empties, at any place in a cycle."""
    state = rng.choice(["fills", "full", "empties"], p=[0.25, 0.6, 0.15])
    window = CHUNKS if state == "full" else int(rng.integers(1, CHUNKS))
    clean = 0 if state == "fills" else int(rng.integers(0, reach.window + 1))
    lowest = CHUNKS - window if state == "fills" else 0
    steps = int(rng.integers(1, 4))
    done = int(rng.integers(0, steps))
    levels = [
        partition_level(lowest + place, done, CHUNKS, steps, SHIFT) for place in range(window)
    ]
    size = clean + window
    start = int(rng.integers(0, latents - size + 1)) if clean else 0
    mask = torch.ones(size, size).bool()
    clip = tuple(range(start, start + size))
    return Shape("stream_dit", clip, clean, torch.tensor(levels), torch.arange(size), mask)


def _level(rng: Rng) -> float:
    """Return a level: pure noise in a third of the cases, else any, more often high."""
    return 1.0 if rng.random() < 0.33 else shift_level(float(rng.random()), 2.0)


def _with_gap(rng: Rng, latents: int, count: int, reach: Reach) -> tuple[int, ...]:
    """Return `count` latents of a clip, in half of the cases with a gap after the sink."""
    sink = reach.sink
    if count <= sink or rng.random() < 0.5:
        return tuple(range(count))
    start = int(rng.integers(sink, latents - (count - sink) + 1))
    return (*range(sink), *range(start, start + count - sink))
