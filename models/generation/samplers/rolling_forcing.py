"""Rolling Forcing: several chunks in flight at rising noise, all made clearer by each call.

A call goes over the whole window; its oldest chunk is then clean, is emitted and remembered, and
a chunk of noise enters at the other end. So a chunk costs two calls, and control shows after
as many chunks as there are in flight, less one. Control in, latents out: float32
(channels, chunk, height, width); the first chunks come when the window is full.

Source: Rolling Forcing, Liu et al. 2025.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.backbone import Backbone, Heard, Wanted, followed
from models.generation.context import Context
from models.generation.control import Control
from models.generation.schedules import ROLLING, renoise


@dataclass(frozen=True, slots=True, eq=False)
class InFlight:
    """A chunk in the making: its number, its latents before the call after `calls` of them."""

    index: int
    noisy: Tensor
    wanted: Wanted
    calls: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A stream: what it sees of its past, the chunks in flight (oldest first), the next number."""

    context: Context
    window: tuple[InFlight, ...] = ()
    index: int = 0
    heard: Heard | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RollingForcing:
    """The sampler: one chunk in flight for each of `levels`, which fall from 1."""

    backbone: Backbone
    levels: tuple[float, ...] = ROLLING
    seed: int = 0

    def init_state(self) -> State:
        return State(self.backbone.begin())

    def step(self, state: State, chunk: Control) -> tuple[State, Sequence[Tensor]]:
        """Return the state after, and a chunk of latents once the window is full."""
        context, heard = self.backbone.attend(chunk.prompt, state.context, state.heard)
        noise = self.backbone.noise(self.seed, state.index, 0)
        entered = InFlight(state.index, noise, self.backbone.want(chunk))
        window = (*state.window, entered)
        return self._call(State(context, window, state.index + 1, heard))

    def flush(self, state: State) -> Sequence[Tensor]:
        """Return the chunks in flight, made clean without new ones behind them."""
        out: list[Tensor] = []
        while state.window:
            state, latents = self._call(state)
            out += latents
        return out

    def _call(self, state: State) -> tuple[State, Sequence[Tensor]]:
        """Make every chunk in flight clearer; emit the oldest if that was its last call."""
        window, backbone, heard = state.window, self.backbone, state.heard
        assert heard is not None
        noisy = torch.cat([block.noisy for block in window], 2)
        condition = torch.cat([block.wanted.condition for block in window], 2)
        levels = torch.tensor([self.levels[block.calls] for block in window])
        every = levels.repeat_interleave(backbone.chunk)
        seen = state.context.seen_by(len(every))
        clean, _ = backbone.denoise(noisy, every, heard.text, condition, seen)
        parts = [
            followed(part, block.wanted, float(level))
            for part, block, level in zip(
                torch.split(clean, backbone.chunk, 2), window, levels, strict=True
            )
        ]
        going = tuple(self._next(block, part) for block, part in zip(window, parts, strict=True))
        if going[0].calls < len(self.levels):
            return State(state.context, going, state.index, heard), []
        context = backbone.commit(state.context, parts[0], window[0].wanted.condition, heard.text)
        return State(context, going[1:], state.index, heard), [parts[0][0]]

    def _next(self, block: InFlight, clean: Tensor) -> InFlight:
        """Return `block` as the next call takes it."""
        calls = block.calls + 1
        if calls == len(self.levels):
            return InFlight(block.index, clean, block.wanted, calls)
        fresh = self.backbone.noise(self.seed, block.index, calls)
        noisy = renoise(clean, self.levels[calls], fresh)
        return InFlight(block.index, noisy, block.wanted, calls)
