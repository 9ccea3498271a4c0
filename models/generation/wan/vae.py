"""Wan2.1's video autoencoder: frames to latents of 16 channels and back, streaming.

The first latent of a stream is one frame, each later one is four. Tensors have Wan's names, so
`Wan2.1_VAE.pth` fits as it is; sizes come from its shapes.

Source: Wan team 2025, section 4.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.generation.codec import FRAMES_PER_LATENT
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
)

# Normalize a latent's channels to zero mean and unit size, as in Wan's own code.
# fmt: off
MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)
SCALE = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)
# fmt: on
CHANNELS = len(MEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeConfig:
    """Sizes: channels of each level as multiples of `dim`; `temporal` levels halve time too."""

    dim: int = 96
    multiples: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    temporal: tuple[bool, ...] = (False, True, True)

    @property
    def side(self) -> int:
        """Pixels of a latent's side."""
        return int(2 ** len(self.temporal))


class Stages(nn.Module):
    """Layers that share a cache; `head` is the last."""

    head: nn.Sequential

    def through(self, x: Tensor, cache: CausalCache, *parts: nn.Module) -> Tensor:
        for layer in parts:
            x = layer.run(x, cache) if hasattr(layer, "run") else layer(x)
        return in_slices(self._run_head, x, cache, causal=1, halo=1)

    def _run_head(self, x: Tensor, cache: CausalCache) -> Tensor:
        for layer in self.head:
            x = layer.run(x, cache) if hasattr(layer, "run") else layer(x)
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
            layers += [
                Residual(after if block else before, after) for block in range(config.blocks)
            ]
            if level < len(config.temporal):
                layers.append(Downsample(after, time=config.temporal[level]))
        self.conv1 = CausalConv(3, sizes[0], 3)
        self.downsamples = nn.Sequential(*layers)
        self.middle = _middle(sizes[-1])
        self.head = _head(sizes[-1], 2 * CHANNELS)

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        return self.through(x, cache, self.conv1, *self.downsamples, *self.middle)


class Decoder(Stages):
    """Latents to frames."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        sizes = [config.dim * each for each in (config.multiples[-1], *config.multiples[::-1])]
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise(sizes)):
            first = before // 2 if level else before  # upsampling halved the channels
            layers += [
                Residual(after if block else first, after) for block in range(config.blocks + 1)
            ]
            if level < len(config.temporal):
                layers.append(Upsample(after, time=config.temporal[::-1][level]))
        self.conv1 = CausalConv(CHANNELS, sizes[0], 3)
        self.middle = _middle(sizes[0])
        self.upsamples = nn.Sequential(*layers)
        self.head = _head(sizes[-1], 3)

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        return self.through(x, cache, self.conv1, *self.middle, *self.upsamples)


class WanVae(nn.Module):
    """The encoder and the decoder, which computes `rows` rows of a layer at once, or all (0)."""

    def __init__(self, config: VaeConfig, *, rows: int = 0) -> None:
        super().__init__()
        self.config = config
        self.rows = rows
        self.encoder = Encoder(config)
        self.conv1 = CausalConv(2 * CHANNELS, 2 * CHANNELS, 1)
        self.conv2 = CausalConv(CHANNELS, CHANNELS, 1)
        self.decoder = Decoder(config)

    def encode(
        self, pixels: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return latents (batch, 16, n, height/8, width/8), and the encoder's cache.

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
        for part in torch.split(pixels.to(self._weight), sizes, 2):
            cache = CausalCache(before)
            parts.append(self.encoder.run(part, cache))
            before = cache.following
        assert before is not None
        mean = self.conv1(torch.cat(parts, 2))[:, :CHANNELS].float()
        return (mean - self._channels(MEAN)) / self._channels(SCALE), before

    def decode(
        self, latents: Tensor, before: FeatureCache | None = None
    ) -> tuple[Tensor, FeatureCache]:
        """Return frames (batch, 3, n, height, width), about [-1, 1], and the decoder's cache.

        `latents` is (batch, 16, m, height/8, width/8). They are decoded one by one: their
        number changes neither the frames nor the peak memory. Nor does `rows` change the frames.
        """
        scaled = latents.float() * self._channels(SCALE) + self._channels(MEAN)
        parts = []
        for part in torch.split(self.conv2(scaled.to(self._weight)), 1, 2):
            cache = CausalCache(before, rows=self.rows)
            parts.append(self.decoder.run(part, cache).float())
            before = cache.following
        assert before is not None
        return torch.cat(parts, 2), before

    @property
    def _weight(self) -> Tensor:
        return self.conv2.weight

    def _channels(self, values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, device=self._weight.device)[:, None, None, None]


def infer_config(state: Mapping[str, Tensor], file: Path) -> VaeConfig:
    """Return the sizes of the autoencoder in `state`, which was read from `file`.

    Raises:
        WeightsError: it is another model.
    """
    try:
        if len(state["conv2.weight"]) != CHANNELS:
            raise WeightsError(f"{file}: latents of {len(state['conv2.weight'])}, not 16, channels")
        dim = len(state["encoder.conv1.weight"])
    except KeyError as error:
        raise WeightsError(f"{file}: not Wan2.1's autoencoder: it has no {error}") from error
    levels: list[list[int]] = [[]]
    temporal: list[bool] = []
    for number in range(len(state)):
        name = f"encoder.downsamples.{number}"
        if f"{name}.residual.6.weight" in state:
            levels[-1].append(len(state[f"{name}.residual.6.weight"]))
        elif f"{name}.resample.1.weight" in state:
            levels.append([])
            temporal.append(f"{name}.time_conv.weight" in state)
    if not all(levels):
        raise WeightsError(f"{file}: not Wan2.1's autoencoder: its levels have no layers")
    return VaeConfig(
        dim=dim,
        multiples=tuple(level[-1] // dim for level in levels),
        blocks=len(levels[0]),
        temporal=tuple(temporal),
    )


def load_vae(file: Path, source: str, *, device: str, dtype: torch.dtype) -> WanVae:
    """Return the autoencoder in `file`; errors name `source`, where it comes from.

    Raises:
        WeightsError: it is missing, damaged, or of another kind.
    """
    state = read_state(file, source)
    with torch.device("meta"):
        vae = WanVae(infer_config(state, file))
    return load_weights(vae, state, str(file), device=device, dtype=dtype)
