"""Wan's video autoencoders: frames to latents and back, streaming.

Wan2.1's latents have 16 channels for 8 x 8 pixels, Wan2.2's 48 for 16 x 16. The first latent of a
stream is one frame, each later one is four. Tensors have Wan's names, so `Wan2.1_VAE.pth` and
`Wan2.2_VAE.pth` fit as they are; sizes come from their shapes.

Source: Wan team 2025, section 4.1.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.wan.files import load_weights, read_state
from models.generation.wan.vae_layers import (
    Attention,
    CausalCache,
    CausalConv,
    ChannelNorm,
    Downsample,
    FeatureCache,
    Residual,
    Upsample,
    in_slices,
    run_layer,
)
from models.generation.wan.vae_shortcuts import DownLevel, UpLevel, from_patches, to_patches
from models.generation.wan.vae_statistics import STATISTICS

LAYER = re.compile(  # a residual's or a downsampling's, in its level or with Wan2.1's all in a row
    r"encoder\.downsamples\.(\d+\.downsamples\.)?\d+\.(residual\.6|resample\.1)\.weight$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeConfig:
    """Sizes: channels of each level as multiples of `dim`; `temporal` levels halve time too.

    The decoder has its own `decoder_dim`. With a `patch` of more than one pixel it is Wan2.2's,
    whose levels have shortcuts.
    """

    dim: int = 96
    decoder_dim: int = 96
    multiples: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)
    channels: int = 16
    patch: int = 1

    @property
    def side(self) -> int:
        """Pixels of a latent's side."""
        return int(self.patch * 2 ** len(self.temporal))


class Stages(nn.Module):
    """Layers that share a cache; `head` is the last."""

    head: nn.Sequential

    def through(self, x: Tensor, cache: CausalCache, *parts: nn.Module) -> Tensor:
        for layer in parts:
            x = run_layer(layer, x, cache)
        return in_slices(self._run_head, x, cache, causal=1, halo=1)

    def _run_head(self, x: Tensor, cache: CausalCache) -> Tensor:
        for layer in self.head:
            x = run_layer(layer, x, cache)
        return x


def _middle(channels: int) -> nn.Sequential:
    return nn.Sequential(
        Residual(channels, channels), Attention(channels), Residual(channels, channels)
    )


def _head(channels: int, after: int) -> nn.Sequential:
    return nn.Sequential(ChannelNorm(channels, 3), nn.SiLU(), CausalConv(channels, after, 3))


class Encoder(Stages):
    """Frames to twice the channels of a latent: means, and variances, which are not used."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        sizes = [config.dim * each for each in (1, *config.multiples)]
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise(sizes)):
            own: list[nn.Module] = [
                Residual(after if block else before, after) for block in range(config.blocks)
            ]
            halves = level < len(config.temporal)
            if halves:
                own.append(Downsample(after, time=config.temporal[level]))
            if config.patch > 1:
                time = 1 + (halves and config.temporal[level])
                own = [DownLevel(own, after, space=1 + halves, time=time)]
            layers += own
        self.conv1 = CausalConv(3 * config.patch**2, sizes[0], 3)
        self.downsamples = nn.Sequential(*layers)
        self.middle = _middle(sizes[-1])
        self.head = _head(sizes[-1], 2 * config.channels)

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        return self.through(x, cache, self.conv1, *self.downsamples, *self.middle)


class Decoder(Stages):
    """Latents to frames."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        multiples = (config.multiples[-1], *config.multiples[::-1])
        sizes = [config.decoder_dim * each for each in multiples]
        temporal, nested = config.temporal[::-1], config.patch > 1
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise(sizes)):
            # Wan2.1's upsampling halves the channels
            first = before // 2 if level and not nested else before
            own: list[nn.Module] = [
                Residual(after if block else first, after) for block in range(config.blocks + 1)
            ]
            doubles = level < len(temporal)
            if doubles:
                halved = after if nested else after // 2
                own.append(Upsample(after, halved, time=temporal[level]))
            if nested:
                time = 1 + (doubles and temporal[level])
                own = [UpLevel(own, after, space=1 + doubles, time=time)]
            layers += own
        self.conv1 = CausalConv(config.channels, sizes[0], 3)
        self.middle = _middle(sizes[0])
        self.upsamples = nn.Sequential(*layers)
        self.head = _head(sizes[-1], 3 * config.patch**2)

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        return self.through(x, cache, self.conv1, *self.middle, *self.upsamples)


class WanVae(nn.Module):
    """The encoder and the decoder, which computes `rows` rows of a layer at once, or all (0)."""

    def __init__(self, config: VaeConfig, *, rows: int = 0) -> None:
        super().__init__()
        self.config = config
        self.rows = rows
        self.encoder = Encoder(config)
        self.conv1 = CausalConv(2 * config.channels, 2 * config.channels, 1)
        self.conv2 = CausalConv(config.channels, config.channels, 1)
        self.decoder = Decoder(config)

    def encode(
        self, pixels: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return latents (batch, channels, n, height/side, width/side), and the encoder's cache.

        `pixels` is float (batch, 3, pictures, height, width) in [-1, 1]: 1 + 4 n frames at the
        start of a stream, 4 n later.

        Raises:
            ValueError: the shape is wrong.
        """
        first, side = int(before is None), self.config.side
        count = pixels.shape[2] - first if pixels.ndim == 5 else -1
        if count < 0 or count % FRAMES_PER_LATENT or pixels.shape[1] != 3 or not pixels.shape[2]:
            raise ValueError(
                "expected (batch, 3, frames, height, width), 1 + 4 n frames at the start of a "
                f"stream and 4 n later, got {tuple(pixels.shape)}"
            )
        if pixels.shape[3] % side or pixels.shape[4] % side:
            raise ValueError(f"expected sides in multiples of {side}, got {pixels.shape[3:]}")
        parts = []
        sizes = [1] * first + [FRAMES_PER_LATENT] * (count // FRAMES_PER_LATENT)
        patches = to_patches(pixels.to(self._weight), self.config.patch)
        for part in torch.split(patches, sizes, 2):
            cache = CausalCache(before)
            parts.append(self.encoder.run(part, cache))
            before = cache.following
        assert before is not None
        mean = self.conv1(torch.cat(parts, 2))[:, : self.config.channels].float()
        center, size = self._statistics()
        return (mean - center) / size, before

    def decode(
        self, latents: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return frames (batch, 3, n, height, width), about [-1, 1], and the decoder's cache.

        `latents` is (batch, channels, m, height/side, width/side). They are decoded one by one:
        their number changes neither the frames nor the peak memory. Nor does `rows` change the
        frames.
        """
        center, size = self._statistics()
        scaled = latents.float() * size + center
        parts = []
        for part in torch.split(self.conv2(scaled.to(self._weight)), 1, 2):
            cache = CausalCache(before, rows=self.rows)
            parts.append(self.decoder.run(part, cache).float())
            before = cache.following
        assert before is not None
        return from_patches(torch.cat(parts, 2), self.config.patch), before

    @property
    def _weight(self) -> Tensor:
        return self.conv2.weight

    def _statistics(self) -> tuple[Tensor, ...]:
        """Return means and sizes of a latent's channels."""
        return tuple(
            torch.tensor(values, device=self._weight.device)[:, None, None, None]
            for values in STATISTICS[self.config.channels]
        )


def infer_config(state: Mapping[str, Tensor], file: Path) -> VaeConfig:
    """Return the sizes of the autoencoder in `state`, which was read from `file`.

    Raises:
        WeightsError: it is another model.
    """
    try:
        channels, last = len(state["conv2.weight"]), len(state["decoder.head.0.gamma"])
        dim, colors = state["encoder.conv1.weight"].shape[:2]
    except KeyError as error:
        raise WeightsError(f"{file}: not Wan's autoencoder: it has no {error}") from error
    patch = math.isqrt(colors // 3)
    if channels not in STATISTICS or 3 * patch**2 != colors:
        raise WeightsError(
            f"{file}: latents of {channels} channels, from {colors} of a patch: not Wan's "
            "autoencoder, which has 16 and 3 (Wan2.1) or 48 and 12 (Wan2.2)"
        )
    levels: list[list[int]] = [[]]
    temporal: list[bool] = []
    for name in sorted(filter(LAYER.match, state), key=_place):
        if name.endswith("residual.6.weight"):
            levels[-1].append(len(state[name]))
        else:
            levels.append([])
            temporal.append(name.replace("resample.1.", "time_conv.") in state)
    if not all(levels):
        raise WeightsError(f"{file}: not Wan's autoencoder: its levels have no layers")
    return VaeConfig(
        dim=dim,
        decoder_dim=last // (levels[0][-1] // dim),
        multiples=tuple(level[-1] // dim for level in levels),
        blocks=len(levels[0]),
        temporal=tuple(temporal),
        channels=channels,
        patch=patch,
    )


def _place(name: str) -> list[int]:
    """Return where a layer of the encoder stands, of its tensor's name."""
    return [int(part) for part in name.split(".") if part.isdecimal()]


def load_vae(file: Path, source: str, *, device: str, dtype: torch.dtype) -> WanVae:
    """Return the autoencoder in `file`; errors name `source`, where it comes from.

    Raises:
        WeightsError: it is missing, damaged, or of another kind.
    """
    state = read_state(file, source)
    with torch.device("meta"):
        vae = WanVae(infer_config(state, file))
    return load_weights(vae, state, str(file), device=device, dtype=dtype)
