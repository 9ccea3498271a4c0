"""Control in, frames out: a sampler with the codec's decoder, both streaming."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.codec import FeatureCache
from models.generation.control import ChunkControl
from models.streaming import Streaming

S = TypeVar("S")


class LatentDecoder(Protocol):
    """The decoder of a codec: latents in; frames out, with the cache for the next latents.

    The codec decides how many frames a latent is: Wan's first latent is one.
    """

    def decode(
        self, latents: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]: ...


@dataclass(frozen=True, slots=True, eq=False)
class GeneratorState(Generic[S]):
    """The sampler's state and the decoder's cache, None before the first latent."""

    sampler: S
    decoder: FeatureCache | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameGenerator(Generic[S]):
    """Control of a chunk in; uint8 (frames, height, width, 3) out, for each finished chunk."""

    sampler: Streaming[S, ChunkControl, Tensor]
    codec: LatentDecoder

    def init_state(self) -> GeneratorState[S]:
        return GeneratorState(self.sampler.init_state())

    def step(
        self, state: GeneratorState[S], chunk: ChunkControl
    ) -> tuple[GeneratorState[S], Sequence[NDArray[np.uint8]]]:
        """Return the new state, and the frames of the finished chunks."""
        sampler, latents = self.sampler.step(state.sampler, chunk)
        memory, frames = self._decode(state.decoder, latents)
        return GeneratorState(sampler, memory), frames

    def flush(self, state: GeneratorState[S]) -> Sequence[NDArray[np.uint8]]:
        """Return the frames of the chunks in flight."""
        return self._decode(state.decoder, self.sampler.flush(state.sampler))[1]

    def _decode(
        self, memory: FeatureCache | None, latents: Sequence[Tensor]
    ) -> tuple[FeatureCache | None, list[NDArray[np.uint8]]]:
        frames = []
        for chunk in latents:
            with torch.no_grad():
                shown, memory = self.codec.decode(chunk[None], memory)
            frames.append(to_frames(shown))
        return memory, frames


def to_frames(shown: Tensor) -> NDArray[np.uint8]:
    """Return (1, 3, n, height, width), about [-1, 1], as uint8 (n, height, width, 3)."""
    scaled = ((shown[0].permute(1, 2, 3, 0) + 1) * 127.5).round().clamp(0, 255)
    return scaled.byte().cpu().numpy()
