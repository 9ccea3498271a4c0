"""StreamDiT: a moving buffer, a diagonal partition of noise levels, Euler steps of an ODE.

The buffer holds the last clean latents as references and `chunks` chunks in flight. A cycle of
`steps` Euler calls lowers each chunk by one partition; the oldest is then clean and emitted, and
noise enters. Nothing is cached: each call reads the whole buffer. The backbone's `reach.window` is
the number of references; there is no sink.
Control in, latents out: float32 (channels, chunk, height, width).

Source: StreamDiT, Kodaira et al. 2025, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generation.backbone import Backbone, CachedPrompt, ControlTensors, follow_start
from models.generation.calls import Calls, run_alone
from models.generation.control import ChunkControl
from models.generation.denoising_networks import IN_FLIGHT
from models.generation.schedules import partition_level

BUFFER_CHUNKS = IN_FLIGHT  # by default


@dataclass(frozen=True, slots=True, eq=False)
class StreamDiTChunk:
    """A chunk in flight, after `cycles` cycles."""

    latents: Tensor
    control: ControlTensors
    cycles: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class StreamDiTState:
    """A stream: its last clean latents with their condition, and the chunks in flight."""

    references: Tensor
    condition: Tensor
    buffer: tuple[StreamDiTChunk, ...] = ()
    index: int = 0
    prompt: CachedPrompt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StreamDiT:
    """The sampler: `chunks` in flight, `steps` calls a cycle; `shift` raises noise levels."""

    backbone: Backbone
    chunks: int = BUFFER_CHUNKS
    steps: int = 1
    shift: float = 1.0
    seed: int = 0

    def init_state(self) -> StreamDiTState:
        none = torch.zeros(self.backbone.shape, device=self.backbone.device)[:, :, :0]
        return StreamDiTState(none, self.backbone.condition(None)[:, :, :0])

    def step(
        self, state: StreamDiTState, chunk: ChunkControl
    ) -> tuple[StreamDiTState, Sequence[Tensor]]:
        """Return the state after a cycle, and a chunk of latents once the buffer is full."""
        return run_alone(self.calls(state, chunk))

    def calls(
        self, state: StreamDiTState, chunk: ChunkControl
    ) -> Calls[tuple[StreamDiTState, Sequence[Tensor]]]:
        """Do what `step` does, with other steps."""
        prompt = yield from self.backbone.cache_prompt(chunk.prompt, state.prompt)
        noise = self.backbone.noise(self.seed, state.index, 0)
        entered = StreamDiTChunk(noise, self.backbone.prepare_control(chunk))
        buffer = (*state.buffer, entered)
        after = replace(state, buffer=buffer, index=state.index + 1, prompt=prompt)
        return (yield from self._cycle(after))

    def flush(self, state: StreamDiTState) -> Sequence[Tensor]:
        """Return the chunks in flight, denoised without new ones behind them."""
        out: list[Tensor] = []
        while state.buffer:
            state, latents = run_alone(self._cycle(state))
            out += latents
        return out

    def _cycle(self, state: StreamDiTState) -> Calls[tuple[StreamDiTState, Sequence[Tensor]]]:
        """Lower every chunk by one partition; emit the oldest if it is clean."""
        parts = [block.latents for block in state.buffer]
        for done in range(self.steps):
            parts = yield from self._euler(state, parts, done)
        buffer = tuple(
            StreamDiTChunk(part, block.control, block.cycles + 1)
            for part, block in zip(parts, state.buffer, strict=True)
        )
        if buffer[0].cycles < self.chunks:
            return replace(state, buffer=buffer), []
        kept = self.backbone.reach.window
        first = buffer[0]
        references = torch.cat([state.references, first.latents], 2)
        condition = torch.cat([state.condition, first.control.condition], 2)
        start = max(0, references.shape[2] - kept)
        after = replace(
            state,
            references=references[:, :, start:],
            condition=condition[:, :, start:],
            buffer=buffer[1:],
        )
        return after, [first.latents[0]]

    def _level(self, block: StreamDiTChunk, done: int) -> float:
        """Return the noise level of `block`, `done` calls into its cycle."""
        stair = self.chunks - 1 - block.cycles
        return partition_level(stair, done, self.chunks, self.steps, self.shift)

    def _euler(self, state: StreamDiTState, parts: list[Tensor], done: int) -> Calls[list[Tensor]]:
        """Return the chunks after one more Euler call."""
        prompt, backbone = state.prompt, self.backbone
        assert prompt is not None
        now = [self._level(block, done) for block in state.buffer]
        then = [self._level(block, done + 1) for block in state.buffer]
        noisy = torch.cat([state.references, *parts], 2)
        condition = torch.cat(
            [state.condition, *(block.control.condition for block in state.buffer)], 2
        )
        levels = torch.cat(
            [
                torch.zeros(state.references.shape[2]),
                torch.tensor(now).repeat_interleave(backbone.chunk),
            ]
        )
        clean, _ = yield from backbone.denoise(noisy, levels, prompt.text, condition)
        fresh = torch.split(clean[:, :, state.references.shape[2] :], backbone.chunk, 2)
        return [
            part + (after - level) * (part - follow_start(aim, block.control, level)) / level
            for part, aim, block, level, after in zip(
                parts, fresh, state.buffer, now, then, strict=True
            )
        ]
