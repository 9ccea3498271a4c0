"""MotionStream: chunk after chunk, each from noise in a few steps, seeing a sink and a window.

A chunk costs one call a step and one to remember it. Control shows in the chunk it comes with.
Control in, latents out: float32 (channels, chunk, height, width).

Sources: MotionStream, Shin et al. 2025; Self Forcing, Huang et al. 2025.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.backbone import Backbone, Heard
from models.generation.context import Context
from models.generation.control import Control
from models.generation.schedules import renoise


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A stream: what it sees of its past, the next chunk's number, the prompt it follows."""

    context: Context
    index: int = 0
    heard: Heard | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MotionStream:
    """The sampler: `levels` of noise fall from 1, one for each step; `seed` decides the noise."""

    backbone: Backbone
    levels: tuple[float, ...] = (1.0, 0.7)
    seed: int = 0

    def init_state(self) -> State:
        return State(self.backbone.begin())

    def step(self, state: State, chunk: Control) -> tuple[State, Sequence[Tensor]]:
        """Return the state after, and one chunk of latents."""
        backbone, wanted = self.backbone, self.backbone.want(chunk)
        context, heard = backbone.attend(chunk.prompt, state.context, state.heard)
        noisy = backbone.noise(self.seed, state.index, 0)
        clean = wanted.start
        for number, level in enumerate(self.levels):
            if number:
                fresh = backbone.noise(self.seed, state.index, number)
                noisy = renoise(clean, level, fresh)
            if level <= wanted.strength:
                levels = torch.full((backbone.chunk,), level)
                seen = context.seen_by(backbone.chunk)
                clean, _ = backbone.denoise(noisy, levels, heard.text, wanted.condition, seen)
        context = backbone.commit(context, clean, wanted.condition, heard.text)
        return State(context, state.index + 1, heard), [clean[0]]

    def flush(self, state: State) -> Sequence[Tensor]:
        """Return nothing: every chunk is out when its step ends."""
        return ()
