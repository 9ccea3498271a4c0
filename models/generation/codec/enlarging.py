"""Enlarges the small model's frames: a recurrent convolutional network for the world it draws.

It works at the size of the frames and writes the pixels of each in a square (Shi et al. 2016,
ESPCN, section 3); what it adds is added to the repeated pixel. With each frame it sees the one
before and the features that it kept then (Fuoli et al. 2019, RLSP, section 3): what does not move
gets clearer instead of flickering, and no frame waits for a later one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.engine import Engine, EngineSpec, ExportableNetwork, TensorSpec
from models.generation.calls import BATCH, SESSIONS, Calls, EngineCall
from models.generation.codec.codec import FRAMES_PER_LATENT, FeatureCache, LatentDecoder

COLORS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EnlargerConfig:
    """Sizes: each side is enlarged `scale` times by `blocks` layers of `channels` features.

    `kept` features of a frame are kept for the next.
    """

    scale: int = 3
    channels: int = 24
    blocks: int = 4
    kept: int = 8

    @property
    def memory(self) -> int:
        """Channels of the memory: the frame before, and the features that were kept."""
        return COLORS + self.kept


class Enlarger(nn.Module):
    """Frames to frames whose sides are `scale` times as long."""

    def __init__(self, config: EnlargerConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.channels
        self.first = nn.Conv2d(COLORS + config.memory, wide, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv2d(wide, wide, 3, padding=1) for _ in range(config.blocks)
        )
        self.last = nn.Conv2d(wide, COLORS * config.scale**2, 3, padding=1)
        self.keep = nn.Conv2d(wide, config.kept, 1)

    def forward(self, frames: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return (batch, 3, n, scale * height, scale * width), and the memory for the next call.

        `frames` is (batch, 3, n, height, width) in [-1, 1]; `memory` is (batch, channels, height,
        width), zeros at the start of a stream. Any cutting of a stream gives the same frames.
        """
        made = []
        for frame in frames.unbind(2):
            enlarged, memory = self._enlarge(frame, memory)
            made.append(enlarged)
        return torch.stack(made, 2), memory

    def _enlarge(self, frame: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.relu(self.first(torch.cat([frame, memory], 1)))
        for block in self.blocks:
            x = x + functional.relu(block(x))
        repeated = frame.repeat_interleave(self.config.scale**2, 1)
        enlarged = functional.pixel_shuffle(self.last(x) + repeated, self.config.scale)
        return enlarged, torch.cat([frame, torch.tanh(self.keep(x))], 1)


class EnlargingNetwork(ExportableNetwork):
    """The four frames of a latent, enlarged."""

    def __init__(self, enlarger: Enlarger, side: int) -> None:
        super().__init__()
        self.enlarger = enlarger
        self.spec = enlarging_spec(enlarger.config, side)

    def forward(self, frames: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        made: tuple[Tensor, Tensor] = self.enlarger(frames, memory)
        return made


def enlarging_spec(config: EnlargerConfig, side: int) -> EngineSpec:
    """Return the spec of an `EnlargingNetwork` for frames of `side` pixels."""
    shape = (BATCH, COLORS, FRAMES_PER_LATENT)
    large = config.scale * side
    memory = (BATCH, config.memory, side, side)
    return EngineSpec(
        name="drawing-enlarger",
        inputs=(
            TensorSpec("frames", torch.float32, (*shape, side, side)),
            TensorSpec("memory", torch.float32, memory),
        ),
        outputs=(
            TensorSpec("enlarged", torch.float32, (*shape, large, large)),
            TensorSpec("memory_after", torch.float32, memory),
        ),
        profiles=({BATCH: SESSIONS},),
    )


@dataclass(frozen=True, slots=True, eq=False)
class EnlargingDecoder:
    """A codec's decoder whose frames are enlarged; the memory is the last of its cache."""

    codec: LatentDecoder
    engine: Engine

    def decode(
        self, latent: Tensor, before: FeatureCache | None = None
    ) -> Calls[tuple[Tensor, FeatureCache]]:
        """Return the enlarged frames of a latent, and the cache for the next."""
        cache, memory = (None, None) if before is None else (before[:-1], before[-1])
        frames, after = yield from self.codec.decode(latent, cache)
        if memory is None:
            memory = torch.zeros(self.engine.spec.inputs[1].size({BATCH: 1}))
        made = yield EngineCall(self.engine, {"frames": frames, "memory": memory})
        return made["enlarged"], (*after, made["memory_after"])
