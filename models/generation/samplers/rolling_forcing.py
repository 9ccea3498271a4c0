"""Rolling Forcing: several chunks in flight at rising noise levels, denoised by one call.

After a call over the whole window its oldest chunk is clean: it is emitted and remembered, and a
chunk of noise enters at the other end. So a chunk costs two calls, and a track shows after as many
chunks as are in flight, less one. Control in, latents out: float32 (channels, chunk, height,
width); the first chunk comes when the window is full.

Source: Rolling Forcing, Liu et al. 2025.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.backbone import Backbone, CachedPrompt, ControlTensors, follow_start
from models.generation.calls import Calls, run_alone
from models.generation.context import Context
from models.generation.control import ChunkControl
from models.generation.schedules import ROLLING_FORCING_LEVELS, add_noise


@dataclass(frozen=True, slots=True, eq=False)
class RollingForcingChunk:
    """A chunk in flight: its index, and its noisy latents after `calls` calls."""

    index: int
    noisy: Tensor
    control: ControlTensors
    calls: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RollingForcingState:
    """A stream: its context, the chunks in flight (oldest first), the next index, its prompt."""

    context: Context
    window: tuple[RollingForcingChunk, ...] = ()
    index: int = 0
    prompt: CachedPrompt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RollingForcing:
    """The sampler: one chunk in flight for each of `levels`, which fall from 1."""

    backbone: Backbone
    levels: tuple[float, ...] = ROLLING_FORCING_LEVELS
    seed: int = 0

    def init_state(self) -> RollingForcingState:
        return RollingForcingState(self.backbone.empty_context())

    def step(
        self, state: RollingForcingState, chunk: ChunkControl
    ) -> tuple[RollingForcingState, Sequence[Tensor]]:
        """Return the new state, and a chunk of latents once the window is full."""
        return run_alone(self.calls(state, chunk))

    def calls(
        self, state: RollingForcingState, chunk: ChunkControl
    ) -> Calls[tuple[RollingForcingState, Sequence[Tensor]]]:
        """Do what `step` does, with other steps."""
        context, prompt = yield from self.backbone.update_prompt(
            chunk.prompt, state.context, state.prompt
        )
        noise = self.backbone.noise(self.seed, state.index, 0)
        entered = RollingForcingChunk(state.index, noise, self.backbone.prepare_control(chunk))
        window = (*state.window, entered)
        after = RollingForcingState(context, window, state.index + 1, prompt)
        return (yield from self._denoise_window(after))

    def flush(self, state: RollingForcingState) -> Sequence[Tensor]:
        """Return the chunks in flight, denoised without new ones behind them."""
        out: list[Tensor] = []
        while state.window:
            state, latents = run_alone(self._denoise_window(state))
            out += latents
        return out

    def _denoise_window(
        self, state: RollingForcingState
    ) -> Calls[tuple[RollingForcingState, Sequence[Tensor]]]:
        """Denoise the chunks in flight by one call; emit the oldest if that was its last."""
        window, backbone, prompt = state.window, self.backbone, state.prompt
        assert prompt is not None
        noisy = torch.cat([block.noisy for block in window], 2)
        condition = torch.cat([block.control.condition for block in window], 2)
        levels = torch.tensor([self.levels[block.calls] for block in window])
        every = levels.repeat_interleave(backbone.chunk)
        past = backbone.past(state.context, len(every))
        clean, _ = yield from backbone.denoise(noisy, every, prompt.text, condition, past)
        parts = [
            follow_start(part, block.control, float(level))
            for part, block, level in zip(
                torch.split(clean, backbone.chunk, 2), window, levels, strict=True
            )
        ]
        going = tuple(self._next(block, part) for block, part in zip(window, parts, strict=True))
        if going[0].calls < len(self.levels):
            return RollingForcingState(state.context, going, state.index, prompt), []
        context = yield from backbone.commit(
            state.context, parts[0], window[0].control.condition, prompt.text
        )
        return RollingForcingState(context, going[1:], state.index, prompt), [parts[0][0]]

    def _next(self, block: RollingForcingChunk, clean: Tensor) -> RollingForcingChunk:
        calls = block.calls + 1
        if calls == len(self.levels):
            return RollingForcingChunk(block.index, clean, block.control, calls)
        fresh = self.backbone.noise(self.seed, block.index, calls)
        noisy = add_noise(clean, self.levels[calls], fresh)
        return RollingForcingChunk(block.index, noisy, block.control, calls)
