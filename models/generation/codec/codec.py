"""A small causal video codec: 4 frames and 8x8 pixels to one latent of 24 channels, and back.

Like Wan's it is causal, with 8x8 pixels and 4 frames to a latent and a cache of earlier features,
but it has 24 channels instead of 16: frames this small have more detail in a block. Every latent,
also the first, is 4 frames. Convolutions run once per latent: time within a latent is in channels.
A linear transform, initialized with the principal components of the training frames, carries most
of the frame; convolutions add the rest.

Streaming and decoding at once are the same call, with and without cached features.

Source: Wan team 2025, "Wan: open and advanced large-scale video generative models", section 4.1,
for causality and the feature cache.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.generation.calls import Calls

FRAMES_PER_LATENT = 4
PATCH = 8  # pixels of a latent's side
READ_BLOCKS = (1, 2)  # causal blocks of the encoder, at a quarter and at an eighth of the side

FeatureCache = tuple[Tensor, ...]  # for each causal block: its input at the latent before


class LatentDecoder(Protocol):
    """The decoder of a codec: a latent in; frames out, with the cache for the next latent.

    A latent is (1, channels, 1, height, width), frames (1, 3, frames, height, width). The codec
    decides how many frames a latent is: Wan's first latent is one.
    """

    def decode(
        self, latent: Tensor, before: FeatureCache | None = None
    ) -> Calls[tuple[Tensor, FeatureCache]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecConfig:
    """Sizes of a codec: `wide` channels at an eighth of the frame's side, `fine` at a quarter."""

    channels: int = 24
    wide: int = 128
    fine: int = 64
    finest: int = 32
    deep: int = 2


def fold(pixels: Tensor, side: int) -> Tensor:
    """Return (batch, 3, 4 n, height, width) as (batch, n, 3 * 4 * side**2, height/side, ...)."""
    batch, colors, frames, height, width = pixels.shape
    cut = pixels.reshape(
        batch,
        colors,
        frames // FRAMES_PER_LATENT,
        FRAMES_PER_LATENT,
        height // side,
        side,
        width // side,
        side,
    )
    moved = cut.permute(0, 2, 1, 3, 5, 7, 4, 6)
    return moved.reshape(batch, frames // FRAMES_PER_LATENT, -1, height // side, width // side)


def unfold(blocks: Tensor, side: int) -> Tensor:
    """Undo `fold`."""
    batch, latents, _, high, across = blocks.shape
    cut = blocks.reshape(batch, latents, 3, FRAMES_PER_LATENT, side, side, high, across)
    moved = cut.permute(0, 2, 1, 3, 6, 4, 7, 5)
    return moved.reshape(batch, 3, latents * FRAMES_PER_LATENT, high * side, across * side)


def apply_to_each(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a 2D `layer` to every latent of (batch, n, channels, height, width)."""
    out: Tensor = layer(x.flatten(0, 1))
    return torch.unflatten(out, 0, x.shape[:2])


class CausalBlock(nn.Module):
    """A residual block over its input at this latent and at the previous one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))
        self.first = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the output, and `before` for the next call; None starts a stream."""
        even = x * torch.rsqrt(x.square().mean(2, keepdim=True) + 1e-4) * self.gain
        if before is None:
            before = torch.zeros_like(even[:, :1])
        earlier = before if x.shape[1] == 1 else torch.cat([before, even[:, :-1]], 1)
        inner = F.silu(apply_to_each(self.first, torch.cat([even, earlier], 2)))
        return x + apply_to_each(self.second, inner), even[:, -1:]


class CausalStack(nn.ModuleList):
    """Causal blocks in sequence."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__(CausalBlock(channels) for _ in range(count))

    def forward(self, x: Tensor, before: FeatureCache | None) -> tuple[Tensor, FeatureCache]:
        after = []
        for index, block in enumerate(self):
            x, last = block(x, before[index] if before else None)
            after.append(last)
        return x, tuple(after)


class Codec(nn.Module):
    """The encoder and the decoder.

    `mean` and `scale` (channels), set by training, normalize latents to zero mean and unit size.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        fine_in = 3 * FRAMES_PER_LATENT * (PATCH // 2) ** 2
        self.linear_in = nn.Conv2d(3 * FRAMES_PER_LATENT * PATCH**2, config.channels, 1)
        self.fine_in = nn.Conv2d(fine_in, config.fine, 3, padding=1)
        self.fine_read = CausalStack(config.fine, READ_BLOCKS[0])
        self.down = nn.Conv2d(config.fine, config.wide, 2, stride=2)
        self.wide_read = CausalStack(config.wide, READ_BLOCKS[1])
        self.latent = nn.Conv2d(config.wide, config.channels, 1)
        self.linear_out = nn.Conv2d(config.channels, 3 * FRAMES_PER_LATENT * PATCH**2, 1)
        self.wide_in = nn.Conv2d(config.channels, config.wide, 3, padding=1)
        self.wide_write = CausalStack(config.wide, config.deep)
        self.up = nn.Conv2d(config.wide, 4 * config.fine, 1)
        self.fine_write = CausalStack(config.fine, config.deep)
        self.finest_in = nn.Conv2d(config.fine, 4 * config.finest, 1)
        self.finest = nn.Conv2d(config.finest, config.finest, 3, padding=1)
        self.out = nn.Conv2d(config.finest, 3 * FRAMES_PER_LATENT * 4, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.latent.weight)
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("scale", torch.ones(config.channels))

    def encode(
        self, pixels: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return latents (batch, channels, n, height/8, width/8), and the encoder's cache.

        `pixels` is float (batch, 3, 4 n, height, width) in [-1, 1]; sides are multiples of 8.

        Raises:
            ValueError: the shape is wrong.
        """
        if pixels.ndim != 5 or pixels.shape[1] != 3 or pixels.shape[2] % FRAMES_PER_LATENT:
            raise ValueError(
                f"expected (batch, 3, {FRAMES_PER_LATENT} n, h, w), got {tuple(pixels.shape)}"
            )
        if pixels.shape[3] % PATCH or pixels.shape[4] % PATCH:
            raise ValueError(f"expected sides in multiples of {PATCH}, got {pixels.shape[3:]}")
        x = apply_to_each(self.fine_in, fold(pixels, PATCH // 2))
        x, fine = self.fine_read(x, before[: READ_BLOCKS[0]] if before else None)
        x, wide = self.wide_read(
            apply_to_each(self.down, x), before[READ_BLOCKS[0] :] if before else None
        )
        z = apply_to_each(self.linear_in, fold(pixels, PATCH)) + apply_to_each(
            self.latent, F.silu(x)
        )
        z = (z - self.mean[:, None, None]) / self.scale[:, None, None]
        return z.transpose(1, 2), (*fine, *wide)

    def decode(
        self, latents: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return frames (batch, 3, 4 n, height, width), about [-1, 1], and the decoder's cache.

        `latents` is (batch, channels, n, height/8, width/8). Decoding n latents at once, or one
        by one with the cache passed on, gives the same frames.
        """
        z = latents.transpose(1, 2) * self.scale[:, None, None] + self.mean[:, None, None]
        deep = self.config.deep
        x, wide = self.wide_write(apply_to_each(self.wide_in, z), before[:deep] if before else None)
        x = F.pixel_shuffle(apply_to_each(self.up, x), 2)
        x, fine = self.fine_write(x, before[deep:] if before else None)
        x = F.silu(F.pixel_shuffle(apply_to_each(self.finest_in, x), 2))
        x = apply_to_each(self.out, x + F.silu(apply_to_each(self.finest, x)))
        return unfold(apply_to_each(self.linear_out, z), PATCH) + unfold(x, 2), (*wide, *fine)
