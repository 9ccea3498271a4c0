"""Control in, frames out: a sampler with the codec's decoder, both streaming."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.calls import Calls, run_alone
from models.generation.codec.codec import FeatureCache, LatentDecoder
from models.generation.control import ChunkControl
from models.streaming import Streaming

S = TypeVar("S")

Frames = NDArray[np.uint8]  # (frames, height, width, 3)


class Sampler(Streaming[S, ChunkControl, Tensor], Protocol[S]):
    """Control of a chunk in; latents out, (channels, latents, height, width)."""

    def calls(self, state: S, chunk: ChunkControl) -> Calls[tuple[S, Sequence[Tensor]]]:
        """Do what `step` does, with other steps."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class GeneratorState(Generic[S]):
    """The sampler's state and the decoder's cache, None before the first latent."""

    sampler: S
    decoder: FeatureCache | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameGenerator(Generic[S]):
    """Control of a chunk in; uint8 (frames, height, width, 3) out, for each finished chunk."""

    sampler: Sampler[S]
    codec: LatentDecoder

    def init_state(self) -> GeneratorState[S]:
        return GeneratorState(self.sampler.init_state())

    def step(
        self, state: GeneratorState[S], chunk: ChunkControl
    ) -> tuple[GeneratorState[S], Sequence[Frames]]:
        """Return the new state, and the frames of the finished chunks."""
        return run_alone(self.calls(state, chunk))

    def calls(
        self, state: GeneratorState[S], chunk: ChunkControl
    ) -> Calls[tuple[GeneratorState[S], Sequence[Frames]]]:
        """Do what `step` does, with other steps."""
        sampler, latents = yield from self.sampler.calls(state.sampler, chunk)
        memory, frames = yield from self._decode(state.decoder, latents)
        return GeneratorState(sampler, memory), frames

    def flush(self, state: GeneratorState[S]) -> Sequence[Frames]:
        """Return the frames of the chunks in flight."""
        latents = self.sampler.flush(state.sampler)
        return run_alone(self._decode(state.decoder, latents))[1]

    def _decode(
        self, memory: FeatureCache | None, chunks: Sequence[Tensor]
    ) -> Calls[tuple[FeatureCache | None, list[Frames]]]:
        made = []
        for chunk in chunks:
            frames = []
            for latent in torch.split(chunk[None], 1, 2):
                shown, memory = yield from self.codec.decode(latent, memory)
                frames.append(to_frames(shown))
            made.append(np.concatenate(frames))
        return memory, made


def to_frames(shown: Tensor) -> Frames:
    """Return (1, 3, n, height, width), about [-1, 1], as uint8 (n, height, width, 3)."""
    scaled = ((shown[0].permute(1, 2, 3, 0) + 1) * 127.5).round().clamp(0, 255)
    return scaled.byte().cpu().numpy()
