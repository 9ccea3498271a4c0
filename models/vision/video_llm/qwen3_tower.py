"""Qwen3-VL's vision tower: for each cell of a picture a token, and what is added in the decoder.

A cell is 2 x 2 patches. The features of some layers are merged, too, and added to the outputs of
the first decoder layers (`Frame.deep`).

Source: Bai et al. 2025 (Qwen3-VL), section 2; DeepStack, Meng et al. 2024.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.rotary import CosSin
from models.vision.video_llm.qwen_tower import (
    EPSILON,
    MERGE,
    TowerAttention,
    TowerSizes,
    by_cell,
    tower_sizes,
)

RENAMED = (
    (r"^patch_embed\.proj\.", "patches."),
    (r"^pos_embed\.", "positions."),
    (r"\.norm1\.", ".attention_norm."),
    (r"\.norm2\.", ".inner_norm."),
    (r"\.attn\.qkv\.", ".attention.all."),
    (r"\.attn\.proj\.", ".attention.out."),
    (r"\.mlp\.linear_fc1\.", ".up."),
    (r"\.mlp\.linear_fc2\.", ".down."),
    (r"^deepstack_merger_list\.", "deep_mergers."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Qwen3TowerConfig(TowerSizes):
    """Sizes; there are `places` learned positions on a square, and the layers `deep` are merged."""

    places: int
    deep: tuple[int, ...]


def qwen3_tower_config(config: Mapping[str, Any]) -> Qwen3TowerConfig:
    """Return our sizes for a vision config; it raises as `tower_sizes`."""
    return Qwen3TowerConfig(
        **tower_sizes(config, patch=16, activation="gelu_pytorch_tanh"),
        places=config.get("num_position_embeddings", 2304),
        deep=tuple(config["deepstack_visual_indexes"]),
    )


class Qwen3TowerLayer(nn.Module):
    def __init__(self, config: Qwen3TowerConfig) -> None:
        super().__init__()
        width, inner = config.width, config.inner_width
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.attention = TowerAttention(config)
        self.inner_norm = nn.LayerNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor, cos_sin: CosSin) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos_sin)
        fed: Tensor = x + self.down(F.gelu(self.up(self.inner_norm(x)), approximate="tanh"))
        return fed


class CellMerger(nn.Module):
    """Tokens of patches in order of cells; `joined` ones are normalized after they are joined."""

    def __init__(self, config: Qwen3TowerConfig, *, joined: bool) -> None:
        super().__init__()
        merged = config.width * MERGE**2
        self.joined = joined
        self.norm = nn.LayerNorm(merged if joined else config.width, eps=EPSILON)
        self.linear_fc1 = nn.Linear(merged, merged)
        self.linear_fc2 = nn.Linear(merged, config.out_width)

    def forward(self, x: Tensor) -> Tensor:
        shape = (x.shape[0], x.shape[1] // MERGE**2, -1)
        cells = self.norm(x.reshape(shape)) if self.joined else self.norm(x).reshape(shape)
        out: Tensor = self.linear_fc2(F.gelu(self.linear_fc1(cells)))
        return out


class Qwen3Tower(nn.Module):
    """Tokens of normalized pictures (count, 3, height, width), and deep features side by side.

    They are (count, cells, (1 + deep layers) * out width). An image is repeated for the length of a
    patch in time, as a still image is in the model.
    """

    def __init__(self, config: Qwen3TowerConfig) -> None:
        super().__init__()
        self.config = config
        kernel = (config.frames, config.patch, config.patch)
        self.patches = nn.Conv3d(3, config.width, kernel, stride=kernel)
        self.positions = nn.Embedding(config.places, config.width)
        self.blocks = nn.ModuleList(Qwen3TowerLayer(config) for _ in range(config.layers))
        self.merger = CellMerger(config, joined=False)
        self.deep_mergers = nn.ModuleList(CellMerger(config, joined=True) for _ in config.deep)

    def forward(self, images: Tensor, places: Tensor, cos_sin: CosSin) -> Tensor:
        """Return the tokens; for the rest see `learned_places` and `qwen_tower.rotation`."""
        # Its frames are the same, so the weights of a patch are summed over time.
        weight, bias = self.patches.weight.sum(2), self.patches.bias
        x = F.conv2d(images, weight, bias, stride=self.config.patch)
        x = by_cell(x.permute(0, 2, 3, 1)) + places
        deep = {}
        for index, layer in enumerate(self.blocks):
            x = layer(x, cos_sin)
            if index in self.config.deep:
                place = self.config.deep.index(index)
                deep[place] = self.deep_mergers[place](x)
        return torch.cat([self.merger(x), *(deep[place] for place in sorted(deep))], -1)


def learned_places(table: Tensor, rows: int, columns: int) -> Tensor:
    """Return the learned positions of the patches of `rows` by `columns` cells, (patches, width).

    `table` is (places, width): a square, which is stretched to the picture.
    """
    side = round(len(table) ** 0.5)
    square = table.detach().float().T.reshape(1, -1, side, side)
    size = (MERGE * rows, MERGE * columns)
    stretched = F.interpolate(square, size, mode="bilinear", align_corners=True)
    return by_cell(stretched.permute(0, 2, 3, 1))[0].to(table.dtype)
