"""MotionStream: chunk after chunk, each from noise in a few steps, with a sink and a window.

A chunk costs one call for each step and one to remember it. Control shows in its own chunk.
Control in, latents out: float32 (channels, chunk, height, width).

Sources: MotionStream, Shin et al. 2025; Self Forcing, Huang et al. 2025.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.backbone import Backbone, CachedPrompt, ControlTensors
from models.generation.calls import Calls, run_alone
from models.generation.context import Context
from models.generation.control import ChunkControl
from models.generation.samplers.unipc import UniPcState, correct, predict, trained_level
from models.generation.schedules import add_noise


@dataclass(frozen=True, slots=True, eq=False)
class MotionStreamState:
    """A stream: its context, the index of the next chunk, its prompt."""

    context: Context
    index: int = 0
    prompt: CachedPrompt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MotionStream:
    """The sampler: noise `levels` fall from 1, one for each step; `seed` is that of the noise.

    A stream's first chunk takes `first_levels`, if there are any. Between two steps noise is added
    anew, or with `unipc` the flow is followed. Without `recache` the latents in view keep what
    they have read when the prompt changes.
    """

    backbone: Backbone
    levels: tuple[float, ...] = (1.0, 0.7)
    seed: int = 0
    first_levels: tuple[float, ...] = ()
    unipc: bool = False
    recache: bool = True

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
        backbone, control, context = (
            self.backbone,
            self.backbone.prepare_control(chunk),
            state.context,
        )
        if self.recache:
            context, prompt = yield from backbone.update_prompt(chunk.prompt, context, state.prompt)
        else:
            prompt = yield from backbone.cache_prompt(chunk.prompt, state.prompt)
        clean = yield from self._denoise(state.index, control, prompt, context)
        context = yield from backbone.commit(
            context, clean, control.condition, prompt.text, pinned=chunk.cut
        )
        return MotionStreamState(context, state.index + 1, prompt), [clean[0]]

    def _denoise(
        self, index: int, control: ControlTensors, prompt: CachedPrompt, context: Context
    ) -> Calls[Tensor]:
        """Return the clean latents of chunk `index`."""
        backbone, clean, solved = self.backbone, control.start, UniPcState()
        past = backbone.past(context, backbone.chunk)
        for number, level in enumerate(self._levels(index)):
            if solved.levels:
                noisy = predict(solved, level)
            else:
                noisy = backbone.noise(self.seed, index, number)
                noisy = add_noise(clean, level, noisy) if number else noisy
            if level > control.strength:
                continue
            told = trained_level(level) if self.unipc else level
            levels = torch.full((backbone.chunk,), told)
            clean, _ = yield from backbone.denoise(
                noisy, levels, prompt.text, control.condition, past
            )
            if self.unipc:
                clean = noisy - level / told * (noisy - clean)
                solved = correct(solved, level, noisy, clean)
        return clean

    def _levels(self, index: int) -> tuple[float, ...]:
        return self.first_levels if self.first_levels and not index else self.levels

    def flush(self, state: MotionStreamState) -> Sequence[Tensor]:
        """Return nothing: every step finishes its chunk."""
        return ()
