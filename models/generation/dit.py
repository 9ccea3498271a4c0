"""A diffusion transformer with the architecture of Wan2.1 and a noise level for each latent.

Its tensors have Wan's names. In addition it takes the keys and values of earlier latents (`past`),
returns its own, and can be conditioned on track maps (`condition`). It holds no state: the past is
a value of the caller.

Sources: Wan team 2025, section 4.2; Rolling Forcing, Liu et al. 2025, for unrotated keys;
MotionStream, Shin et al. 2025, for the head of tracks.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.generation.chunk_request import MAX_THINGS
from models.generation.control import MAP_CHANNELS
from models.generation.dit_layers import (
    Attention,
    modulate,
    per_latent,
    scale,
    sinusoids,
    unpatch,
)
from models.generation.looks import look_channels, pasted
from models.rotary import apply_rotary_pairs, grid_rotation

TIME_STEPS = 1000.0  # levels are scaled to Wan's 1000 time steps


@dataclass(frozen=True, slots=True, kw_only=True)
class DitConfig:
    """Sizes; the defaults are those of the small model.

    `condition` is the number of track map channels, with those of looks if the model takes any, 0
    for a model without tracks. `refine` is the
    width of three convolutions over the output latents, 0 for none: a token is a patch, and things
    cross patches. They also get half as many features of the last layer, the noisy latents, and the
    encoded track maps. With `gated` they also say which share of each latent is `pasted` from the
    looks instead. `predicts` is the output of the last layer: the clean latent, or the flow
    (noise minus clean), as in Wan.
    """

    dim: int = 192
    heads: int = 4
    layers: int = 6
    ffn: int = 768
    channels: int = 16
    condition: int = MAX_THINGS * MAP_CHANNELS
    hint: int = 32
    refine: int = 128
    gated: bool = False
    text: int = 96
    frequencies: int = 256
    patch: int = 2
    predicts: Literal["clean", "flow"] = "clean"

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def takes_looks(self) -> bool:
        return self.condition == MAX_THINGS * MAP_CHANNELS + look_channels(self.channels)

    @property
    def features(self) -> int:
        return self.refine // 2


@dataclass(frozen=True, slots=True, eq=False)
class TextKeysValues:
    """Keys and values of cross-attention, (layers, batch, heads, words, head_dim).

    `bias` (batch, 1, 1, words) is added to the scores: the logarithm of each word's weight.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class KeysValues:
    """Keys (unrotated) and values of latents, each (layers, batch, heads, tokens, head_dim)."""

    keys: Tensor
    values: Tensor


class Block(nn.Module):
    """One layer: attention between latents, attention to the text, feed-forward."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        dim = config.dim
        self.norm1 = nn.LayerNorm(dim, 1e-6, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(dim, 1e-6, elementwise_affine=False)
        self.norm3 = nn.LayerNorm(dim, 1e-6)
        self.self_attn = Attention(dim, config.heads)
        self.cross_attn = Attention(dim, config.heads)
        self.ffn = nn.Sequential(
            nn.Linear(dim, config.ffn), nn.GELU("tanh"), nn.Linear(config.ffn, dim)
        )
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / dim**0.5)

    def forward(
        self,
        x: Tensor,
        times: Tensor,
        text: tuple[Tensor, Tensor, Tensor],
        past: tuple[Tensor, Tensor] | None,
        rotation: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the new `x` (batch, tokens, dim), and its keys (unrotated) and values.

        `times` is (batch, latents, 6, dim); `rotation` (2, batch, tokens, head_dim / 2) is of the
        past, then of `x`.
        """
        change = (self.modulation + times).unbind(2)
        inner = modulate(self.norm1(x), change[1], change[0])
        key, value = self.self_attn.keys_values(inner)
        keys, values = (
            (torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)) if past else (key, value)
        )
        query = apply_rotary_pairs(self.self_attn.query(inner), rotation[:, :, -x.shape[1] :])
        x = x + scale(
            self.self_attn.attend(query, apply_rotary_pairs(keys, rotation), values, mask),
            change[2],
        )
        asked = self.cross_attn.query(self.norm3(x))
        x = x + self.cross_attn.attend(asked, text[0], text[1], text[2])
        inner = modulate(self.norm2(x), change[4], change[3])
        return x + scale(self.ffn(inner), change[5]), key, value


class Head(nn.Module):
    """From tokens to patches of latents."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.dim, 1e-6, elementwise_affine=False)
        self.head = nn.Linear(config.dim, config.patch**2 * (config.channels + config.features))
        self.modulation = nn.Parameter(torch.randn(1, 2, config.dim) / config.dim**0.5)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        shift, gain = (self.modulation + time[:, :, None]).unbind(2)
        out: Tensor = self.head(modulate(self.norm(x), gain, shift))
        return out


class Dit(nn.Module):
    """The transformer."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.config = config
        dim, hint = config.dim, config.hint if config.condition else 0
        patch = (1, config.patch, config.patch)
        self.patch_embedding = nn.Conv3d(config.channels + hint, dim, patch, stride=patch)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text, dim), nn.GELU("tanh"), nn.Linear(dim, dim)
        )
        self.time_embedding = nn.Sequential(
            nn.Linear(config.frequencies, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = Head(config)
        if hint:
            self.track_head = nn.Sequential(
                nn.Conv2d(config.condition, 2 * hint, 3, padding=1),
                nn.SiLU(),
                nn.Conv2d(2 * hint, hint, 3, padding=1),
            )
        if config.refine:
            given = 2 * config.channels + config.features + hint
            self.refine = nn.Sequential(
                nn.Conv2d(given, config.refine, 3, padding=1),
                nn.SiLU(),
                nn.Conv2d(config.refine, config.refine, 3, padding=1),
                nn.SiLU(),
                nn.Conv2d(config.refine, (1 + config.gated) * config.channels, 3, padding=1),
            )
        if config.gated:
            self.gray = nn.Parameter(torch.zeros(config.channels))  # the latent of a gray picture

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights; latents go in and come out as float32."""
        return self.head.head.weight.dtype

    def project_text(self, features: Tensor, bias: Tensor) -> TextKeysValues:
        """Return the keys and values of a text, once for all calls with it.

        `features` is (batch, words, text), `bias` (batch, words).
        """
        words = self.text_embedding(features.to(self.dtype))
        pairs = [block.cross_attn.keys_values(words) for block in self._layers()]
        keys, values = (torch.stack(part) for part in zip(*pairs, strict=True))
        return TextKeysValues(keys, values, bias[:, None, None].to(self.dtype))

    def forward(
        self,
        noisy: Tensor,
        levels: Tensor,
        text: TextKeysValues,
        *,
        condition: Tensor | None = None,
        past: KeysValues | None = None,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, KeysValues]:
        """Return the predicted clean latents, and the keys and values of `noisy`.

        `noisy` is (batch, channels, latents, height, width), `levels` (batch, latents) in [0, 1],
        `condition` (batch, condition, latents, height, width). `positions` are the times of the
        past and then of `noisy`, by default 0, 1, 2, ...; `mask` is bool (latents, past and noisy
        latents), True if one may attend to the other; by default all attend to all.
        """
        height, width = (side // self.config.patch for side in noisy.shape[3:])
        if positions is None:
            past_count = past.keys.shape[3] // (height * width) if past else 0
            positions = torch.arange(past_count + noisy.shape[2], device=noisy.device)
        rotation = grid_rotation(positions, height, width, self.config.head_dim)[:, None]
        if mask is not None:
            mask = mask.repeat_interleave(height * width, 0).repeat_interleave(height * width, 1)
        return self.denoise(noisy, levels, text, condition, past, rotation, mask)

    def denoise(
        self,
        noisy: Tensor,
        levels: Tensor,
        text: TextKeysValues,
        condition: Tensor | None,
        past: KeysValues | None,
        rotation: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, KeysValues]:
        """Do what `forward` does, with the rotation and the mask of tokens.

        `rotation` is (2, batch, tokens of past and `noisy`, head_dim / 2); `mask` is bool, of a
        shape that broadcasts to (batch, heads, tokens of `noisy`, tokens of past and `noisy`).
        """
        given = noisy.to(self.dtype)
        hint = self._hint(given, condition)
        x = self.patch_embedding(torch.cat([given, *hint], 1))
        grid = x.shape[2:]
        waves = sinusoids(levels * TIME_STEPS, self.config.frequencies).to(self.dtype)
        time = self.time_embedding(waves)
        times = self.time_projection(time).unflatten(-1, (6, -1))
        x = x.flatten(2).transpose(1, 2)
        bias = text.bias.expand(-1, -1, x.shape[1], -1)
        made = []
        for index, block in enumerate(self._layers()):
            words = text.keys[index], text.values[index], bias
            layer_past = (past.keys[index], past.values[index]) if past else None
            x, key, value = block(x, times, words, layer_past, rotation, mask)
            made.append((key, value))
        out = unpatch(self.head(x, time), self.config.patch, (grid[0], grid[1], grid[2]))
        if self.config.refine:
            refined = per_latent(self.refine, torch.cat([out, given, *hint], 1))
            out = out[:, : self.config.channels] + refined[:, : self.config.channels]
            if self.config.gated and condition is not None:
                gate = torch.sigmoid(refined[:, self.config.channels :])
                out = torch.lerp(out, self._pasted(condition.to(out)), gate)
        keys, values = (torch.stack(part) for part in zip(*made, strict=True))
        if self.config.predicts == "flow":
            out = noisy - levels[:, None, :, None, None] * out
        return out.to(noisy.dtype), KeysValues(keys, values)

    def _layers(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _pasted(self, condition: Tensor) -> Tensor:
        """Return the latents that the looks of `condition` make without the transformer."""
        looks = condition[:, -look_channels(self.config.channels) :]
        return pasted(looks, self.config.channels) + self.gray[:, None, None, None]

    def _hint(self, noisy: Tensor, condition: Tensor | None) -> list[Tensor]:
        """Return the encoded track maps, (batch, hint, latents, h, w), or nothing."""
        if not self.config.condition:
            return []
        if condition is None:
            shape = (len(noisy), self.config.condition, *noisy.shape[2:])
            condition = noisy.new_zeros(shape)
        return [per_latent(self.track_head, condition.to(noisy.dtype))]
