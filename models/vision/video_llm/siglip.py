"""SigLIP's vision tower: patch features of square pictures.

Source: Zhai et al. 2023 (SigLIP); the tower is a plain vision transformer without a class token.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError
from models.huggingface_files import renamed

RENAMED = (
    (r"^embeddings\.patch_embedding\.", "patches."),
    (r"^embeddings\.position_embedding\.weight$", "positions.weight"),
    (r"^encoder\.layers\.", "layers."),
    (r"\.layer_norm1\.", ".attention_norm."),
    (r"\.layer_norm2\.", ".inner_norm."),
    (r"\.self_attn\.q_proj\.", ".query."),
    (r"\.self_attn\.k_proj\.", ".key."),
    (r"\.self_attn\.v_proj\.", ".value."),
    (r"\.self_attn\.out_proj\.", ".out."),
    (r"\.mlp\.fc1\.", ".up."),
    (r"\.mlp\.fc2\.", ".down."),
)
UNUSED = ("head.", "post_layernorm.")  # the parts of SigLIP after the layers


@dataclass(frozen=True, slots=True, kw_only=True)
class SiglipConfig:
    """Sizes; `side` and `patch` are in pixels."""

    side: int
    patch: int
    width: int
    inner_width: int
    layers: int
    heads: int
    epsilon: float = 1e-6

    @property
    def grid(self) -> int:
        """Patches along a side; the remaining pixels are not used."""
        return self.side // self.patch


def siglip_config(
    config: Mapping[str, Any], *, depth: int, kinds: Sequence[str] = ("siglip_vision_model",)
) -> SiglipConfig:
    """Return our sizes for a vision config of one of `kinds`, read up to layer `depth`.

    A negative `depth` counts from the last layer, -1 being all layers.

    Raises:
        WeightsError: it is another kind of tower.
    """
    kind, activation = config.get("model_type"), config.get("hidden_act", "gelu_pytorch_tanh")
    if kind not in kinds or activation != "gelu_pytorch_tanh":
        raise WeightsError(f"cannot read a {kind!r} vision tower with {activation!r}")
    layers = config["num_hidden_layers"]
    return SiglipConfig(
        side=config["image_size"],
        patch=config["patch_size"],
        width=config["hidden_size"],
        inner_width=config["intermediate_size"],
        layers=depth if depth >= 0 else layers + 1 + depth,
        heads=config["num_attention_heads"],
        epsilon=config.get("layer_norm_eps", 1e-6),
    )


class SiglipLayer(nn.Module):
    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(width, eps=config.epsilon)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.inner_norm = nn.LayerNorm(width, eps=config.epsilon)
        self.up = nn.Linear(width, config.inner_width)
        self.down = nn.Linear(config.inner_width, width)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.attention_norm(x)
        query, key, value = (
            part(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        fed: Tensor = x + self.down(F.gelu(self.up(self.inner_norm(x)), approximate="tanh"))
        return fed


class SiglipTower(nn.Module):
    """Features (count, grid * grid, width) of normalized pictures (count, 3, side, side)."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = nn.Conv2d(3, config.width, config.patch, stride=config.patch)
        self.positions = nn.Embedding(config.grid**2, config.width)
        self.layers = nn.ModuleList(SiglipLayer(config) for _ in range(config.layers))

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = self.patches(images).flatten(2).transpose(1, 2) + self.positions.weight
        for layer in self.layers:
            x = layer(x)
        return x


def siglip_weights(tensors: Mapping[str, Tensor], config: SiglipConfig) -> dict[str, Tensor]:
    """Return the tower's tensors of a checkpoint by the names of our modules."""
    state = {}
    for name, tensor in tensors.items():
        short, found = re.subn(
            r"^(model\.)?(vision_tower\.(vision_model\.)?|vision_model\.)", "", name
        )
        if not found or short.startswith(UNUSED):
            continue
        short = renamed(short, RENAMED)
        layer = re.match(r"layers\.(\d+)\.", short)
        if layer is None or int(layer[1]) < config.layers:
            state[short] = tensor
    return state
