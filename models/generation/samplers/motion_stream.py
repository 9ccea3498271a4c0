"""MotionStream: chunk after chunk, each from noise in a few steps, with a sink and a window.

A chunk costs one call for each step and one to remember it. Control shows in its own chunk.
Control in, latents out: float32 (channels, chunk, height, width).

Sources: MotionStream, Shin et al. 2025; Self Forcing, Huang et al. 2025.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.backbone import Backbone, CachedPrompt
from models.generation.calls import Calls, run_alone
from models.generation.context import Context
from models.generation.control import ChunkControl
from models.generation.schedules import add_noise


@dataclass(frozen=True, slots=True, eq=False)
class MotionStreamState:
    """A stream: its context, the index of the next chunk, its prompt."""

    context: Context
    index: int = 0
    prompt: CachedPrompt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MotionStream:
    """The sampler: noise `levels` fall from 1, one for each step; `seed` is that of the noise."""

    backbone: Backbone
    levels: tuple[float, ...] = (1.0, 0.7)
    seed: int = 0

    def init_state(self) -> MotionStreamState:
        return MotionStreamState(self.backbone.empty_context())

    def step(
        self, state: MotionStreamState, chunk: ChunkControl
    ) -> tuple[MotionStreamState, Sequence[Tensor]]:
        """Return the new state, and one chunk of latents."""
        return run_alone(self.calls(state, chunk))

    def calls(
        self, state: MotionStreamState, chunk: ChunkControl
    ) -> Calls[tuple[MotionStreamState, Sequence[Tensor]]]:
        """Do what `step` does, with other steps."""
        backbone, control = self.backbone, self.backbone.prepare_control(chunk)
        context, prompt = yield from backbone.update_prompt(
            chunk.prompt, state.context, state.prompt
        )
        noisy = backbone.noise(self.seed, state.index, 0)
        clean = control.start
        past = backbone.past(context, backbone.chunk)
        for number, level in enumerate(self.levels):
            if number:
                fresh = backbone.noise(self.seed, state.index, number)
                noisy = add_noise(clean, level, fresh)
            if level <= control.strength:
                levels = torch.full((backbone.chunk,), level)
                clean, _ = yield from backbone.denoise(
                    noisy, levels, prompt.text, control.condition, past
                )
        context = yield from backbone.commit(context, clean, control.condition, prompt.text)
        return MotionStreamState(context, state.index + 1, prompt), [clean[0]]

    def flush(self, state: MotionStreamState) -> Sequence[Tensor]:
        """Return nothing: every step finishes its chunk."""
        return ()
