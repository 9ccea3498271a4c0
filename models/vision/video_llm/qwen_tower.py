"""Qwen2.5-VL's vision tower: one token for each cell of a picture; and what Qwen3-VL's shares.

A cell is 2 x 2 patches. Most layers attend within windows of cells, a few to the whole picture.

Source: Bai et al. 2025 (Qwen2.5-VL), section 2.1.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError
from models.language.decoder import RmsNorm
from models.rotary import CosSin, apply_rotary, cos_sin_halves, frequencies

MERGE = 2  # patches along each side of a cell
THETA = 10_000.0
EPSILON = 1e-6

FRAME_TENSORS = r"(model\.)?visual\."  # how the names of the tower's tensors begin
RENAMED = (
    (r"^patch_embed\.proj\.", "patches."),
    (r"\.norm1\.", ".attention_norm."),
    (r"\.norm2\.", ".inner_norm."),
    (r"\.attn\.qkv\.", ".attention.all."),
    (r"\.attn\.proj\.", ".attention.out."),
    (r"\.mlp\.(gate|up|down)_proj\.", r".\1."),
    (r"^merger\.ln_q\.", "norm."),
    (r"^merger\.mlp\.0\.", "merge_1."),
    (r"^merger\.mlp\.2\.", "merge_2."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerSizes:
    """Sizes of both towers; `patch` is in pixels, `frames` is the length of a patch in time."""

    patch: int
    frames: int
    width: int
    inner_width: int
    out_width: int
    layers: int
    heads: int

    @property
    def cell(self) -> int:
        """Pixels along a side of a cell."""
        return self.patch * MERGE


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenTowerConfig(TowerSizes):
    """Sizes; `window` is in cells, `full_attention_layers` attend to the whole picture."""

    window: int
    full_attention_layers: tuple[int, ...]


def tower_sizes(config: Mapping[str, Any], *, patch: int, activation: str) -> dict[str, Any]:
    """Return the fields of `TowerSizes` of a vision config; patch and activation are defaults.

    Raises:
        WeightsError: the config is not supported.
        KeyError: the config lacks a size.
    """
    merge, named = config.get("spatial_merge_size", MERGE), config.get("hidden_act", activation)
    if merge != MERGE or named != activation:
        raise WeightsError(f"cannot read a vision tower with cells of {merge} and {named!r}")
    return {
        "patch": config.get("patch_size", patch),
        "frames": config.get("temporal_patch_size", 2),
        "width": config["hidden_size"],
        "inner_width": config["intermediate_size"],
        "out_width": config["out_hidden_size"],
        "layers": config["depth"],
        "heads": config["num_heads"],
    }


def qwen_tower_config(config: Mapping[str, Any]) -> QwenTowerConfig:
    """Return our sizes for a vision config; it raises as `tower_sizes`."""
    sizes = tower_sizes(config, patch=14, activation="silu")
    return QwenTowerConfig(
        **sizes,
        window=config["window_size"] // MERGE // sizes["patch"],
        full_attention_layers=tuple(config["fullatt_block_indexes"]),
    )


class TowerAttention(nn.Module):
    """Attention of patches (count, patches, width) to each other, or where `mask` is true."""

    def __init__(self, config: TowerSizes) -> None:
        super().__init__()
        self.heads = config.heads
        self.all = nn.Linear(config.width, 3 * config.width)  # queries, keys and values
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, cos_sin: CosSin, mask: Tensor | None = None) -> Tensor:
        count, length, width = x.shape
        parts = self.all(x).view(count, length, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (count, heads, length, head width)
        mixed = F.scaled_dot_product_attention(
            apply_rotary(query, cos_sin), apply_rotary(key, cos_sin), value, attn_mask=mask
        )
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(count, length, width))
        return out


class QwenTowerLayer(nn.Module):
    def __init__(self, config: QwenTowerConfig) -> None:
        super().__init__()
        width, inner = config.width, config.inner_width
        self.attention_norm = RmsNorm(width, EPSILON)
        self.attention = TowerAttention(config)
        self.inner_norm = RmsNorm(width, EPSILON)
        self.gate = nn.Linear(width, inner)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor, cos_sin: CosSin, mask: Tensor | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos_sin, mask)
        normed = self.inner_norm(x)
        fed: Tensor = x + self.down(F.silu(self.gate(normed)) * self.up(normed))
        return fed


class QwenTower(nn.Module):
    """Tokens (count, cells, out width) of normalized pictures (count, 3, height, width).

    An image is repeated for the length of a patch in time, as a still image is in the model.
    """

    def __init__(self, config: QwenTowerConfig) -> None:
        super().__init__()
        self.config = config
        kernel = (config.frames, config.patch, config.patch)
        self.patches = nn.Conv3d(3, config.width, kernel, stride=kernel, bias=False)
        self.blocks = nn.ModuleList(QwenTowerLayer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.width, EPSILON)
        merged = config.width * MERGE**2
        self.merge_1 = nn.Linear(merged, merged)
        self.merge_2 = nn.Linear(merged, config.out_width)

    def forward(self, images: Tensor, cos_sin: CosSin, window_mask: Tensor) -> Tensor:
        """Return the tokens; for the rest see `rotation` and `window_mask`."""
        # Its frames are the same, so the weights of a patch are summed over time.
        x = F.conv2d(images, self.patches.weight.sum(2), stride=self.config.patch)
        x = by_cell(x.permute(0, 2, 3, 1))
        for index, layer in enumerate(self.blocks):
            whole = index in self.config.full_attention_layers
            x = layer(x, cos_sin, None if whole else window_mask)
        cells = self.norm(x).reshape(x.shape[0], x.shape[1] // MERGE**2, -1)
        out: Tensor = self.merge_2(F.gelu(self.merge_1(cells)))
        return out


def rotation(head_width: int, rows: int, columns: int) -> CosSin:
    """Return the rotation of the patches of `rows` by `columns` cells, float32.

    It is half of each head by row, half by column.
    """
    rates = frequencies(head_width // 2, THETA, device=torch.device("cpu"))
    places = torch.cartesian_prod(torch.arange(MERGE * rows), torch.arange(MERGE * columns)).view(
        1, MERGE * rows, MERGE * columns, 2
    )
    angles = (by_cell(places)[0, :, :, None] * rates).flatten(1)
    cosines, sines = cos_sin_halves(angles)
    return cosines.float(), sines.float()


def window_mask(config: QwenTowerConfig, rows: int, columns: int) -> Tensor:
    """Return which patches are in the same window, bool (patches, patches)."""
    down = torch.arange(rows)[:, None] // config.window
    along = torch.arange(columns) // config.window
    number = (down * columns + along).flatten().repeat_interleave(MERGE**2)
    return number[:, None] == number


def by_cell(x: Tensor) -> Tensor:
    """Return patches (count, rows, columns, width) in order of cells: (count, patches, width)."""
    count, rows, columns, width = x.shape
    cells = x.reshape(count, rows // MERGE, MERGE, columns // MERGE, MERGE, width)
    return cells.transpose(2, 3).reshape(count, rows * columns, width)
