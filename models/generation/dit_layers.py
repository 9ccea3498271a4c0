"""Layers of the video transformer that do not depend on its configuration."""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Normalization of queries and keys over all heads together."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class Attention(nn.Module):
    """The projections of an attention; the caller decides which keys are visible."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.v, self.o = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.norm_q, self.norm_k = RMSNorm(dim), RMSNorm(dim)

    def split(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, dim) as (batch, heads, tokens, head_dim)."""
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)

    def query(self, x: Tensor) -> Tensor:
        return self.split(self.norm_q(self.q(x)))

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(self.norm_k(self.k(x))), self.split(self.v(x))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.o(mixed.transpose(1, 2).flatten(2))
        return out


def modulate(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return (batch, tokens, dim) times 1 + `gain`, plus `shift`: (batch, latents, dim) each."""
    parts = torch.unflatten(x, 1, (gain.shape[1], -1))
    return (parts * (1 + gain[:, :, None]) + shift[:, :, None]).flatten(1, 2)


def scale(x: Tensor, factor: Tensor) -> Tensor:
    """Return (batch, tokens, dim) times `factor` (batch, latents, dim)."""
    return (torch.unflatten(x, 1, (factor.shape[1], -1)) * factor[:, :, None]).flatten(1, 2)


def per_latent(layers: nn.Module, x: Tensor) -> Tensor:
    """Apply 2D `layers` to each latent of (batch, channels, latents, h, w)."""
    made = torch.unflatten(layers(x.transpose(1, 2).flatten(0, 1)), 0, (x.shape[0], -1))
    return made.transpose(1, 2)


def sinusoids(positions: Tensor, count: int) -> Tensor:
    """Return `count` cosines and sines of each of `positions`, as in the original transformer."""
    half = torch.arange(count // 2, device=positions.device).double()
    rates = 10_000 ** (-half / (count // 2))
    angle = positions.double()[..., None] * rates
    return torch.cat([angle.cos(), angle.sin()], -1).float()


def unpatch(x: Tensor, patch: int, grid: tuple[int, int, int]) -> Tensor:
    """Return tokens (batch, tokens, patch**2 * channels) as (batch, channels, latents, h, w)."""
    latents, height, width = grid
    cut = x.reshape(x.shape[0], latents, height, width, patch, patch, -1)
    moved = cut.permute(0, 6, 1, 2, 4, 3, 5)
    return moved.reshape(x.shape[0], -1, latents, height * patch, width * patch)
