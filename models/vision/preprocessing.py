"""Preprocessing for vision towers: images are resized, scaled and normalized."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

Triple = tuple[float, float, float]

# File names in checkpoints, the one for video first.
FILES = (
    "video_preprocessor_config.json",
    "video_processor/preprocessor_config.json",
    "preprocessor_config.json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization:
    """Mean and standard deviation of each channel, of values in [0, 1]."""

    mean: Triple = (0.5, 0.5, 0.5)
    std: Triple = (0.5, 0.5, 0.5)


def read_normalization(folder: Path) -> Normalization:
    """Return the values of the preprocessor's file in `folder`, by default those of SigLIP."""
    for name in FILES:
        if (folder / name).is_file():
            config: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
            if "image_mean" in config:
                return Normalization(
                    mean=tuple(config["image_mean"]), std=tuple(config["image_std"])
                )
    return Normalization()


def preprocess(pixels: Tensor, normalization: Normalization, *, size: tuple[int, int]) -> Tensor:
    """Return float32 pictures (count, 3, *size) of `pixels`, uint8 (count, h, w, 3) RGB.

    The whole image is resized to `size`, height and width, without keeping its aspect ratio.
    Resized values are rounded, as if uint8 images were resized.

    Raises:
        ValueError: the pixels are of another shape or type.
    """
    if pixels.dtype != torch.uint8 or pixels.dim() != 4 or pixels.shape[-1] != 3:
        raise ValueError(
            f"expected uint8 (count, height, width, 3), got {pixels.dtype} {tuple(pixels.shape)}"
        )
    x = pixels.permute(0, 3, 1, 2).float()
    if x.shape[-2:] != size:
        x = F.interpolate(x, size, mode="bicubic", antialias=True).round().clamp(0, 255)
    mean, std = (
        torch.tensor(part, device=x.device) for part in (normalization.mean, normalization.std)
    )
    return (x / 255 - mean[:, None, None]) / std[:, None, None]
