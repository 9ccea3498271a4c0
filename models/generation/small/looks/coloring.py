"""Looks in other colors: the main part of a thing gets the hue, its shading stays."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.88, 0.13, 0.12),
    "blue": (0.13, 0.33, 0.88),
    "green": (0.16, 0.64, 0.22),
    "yellow": (0.97, 0.83, 0.10),
    "white": (0.96, 0.96, 0.96),
    "black": (0.15, 0.15, 0.17),
}
# kinds that may have any of them
VEHICLES = ("car", "truck", "bus", "bicycle", "motorcycle", "scooter", "airplane", "helicopter")
OTHERS = ("rocket", "sailboat", "balloon", "ball", "star", "heart", "cup", "teapot", "book")
WORN = ("guitar", "shoe", "dress", "umbrella")
LIVING = ("flower", "rose", "tulip", "bird", "fish", "butterfly")
COLORED = VEHICLES + OTHERS + WORN + LIVING
NEAR, FAR = 45.0, 80.0  # degrees of hue from the main one: all, and none of it
BINS = 24
LIGHT = 2.0  # a thing with so much more light grey than color is that, as a white cup of coffee


def recolored(pixels: Pixels, color: str) -> Pixels:
    """Return `pixels`, uint8 (h, w, 4) and premultiplied, in one of `COLORS`."""
    alpha: Field = (pixels[..., 3:] / 255).astype(np.float32)
    rgb = np.clip(pixels[..., :3] / 255 / np.maximum(alpha, 1 / 255), 0, 1).astype(np.float32)
    part = _main_part(rgb, alpha[..., 0])
    light = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    usual = _usual(light, part * alpha[..., 0])
    shade = np.clip(light / max(usual, 0.05), 0, 1.6)[..., None] ** np.float32(0.8)
    target = np.array(COLORS[color], np.float32)
    # beyond the usual light is a gloss: it goes to white
    gloss = np.clip(shade - 1.0, 0, 0.6)
    shown = target * np.minimum(shade, 1.0) + (1 - target) * gloss * 0.7
    mixed = rgb + (shown - rgb) * part[..., None]
    made = np.dstack([mixed * alpha, alpha])
    rounded: Pixels = np.clip(np.rint(made * 255), 0, 255).astype(np.uint8)
    return rounded


def _main_part(rgb: Field, alpha: Field) -> Field:
    """Return how much of each pixel is of the main color: float32 (h, w) in [0, 1]."""
    high, low = rgb.max(-1), rgb.min(-1)
    saturation = (high - low) / np.maximum(high, 0.02)
    colored = _ramp(saturation, 0.15, 0.4) * _ramp(high, 0.12, 0.3)
    hue = _hue(rgb, high, high - low)
    counts = np.bincount(
        (hue * BINS / 360).astype(int).ravel() % BINS, (colored * alpha).ravel(), BINS
    )
    around = counts + 0.7 * (np.roll(counts, 1) + np.roll(counts, -1))
    main = (int(around.argmax()) + 0.5) * 360 / BINS
    apart = np.abs((hue - main + 180) % 360 - 180)
    part: Field = colored * (1 - _ramp(apart, NEAR, FAR))
    light: Field = _ramp(high, 0.3, 0.5) * (1 - colored)
    return light if (light * alpha).sum() > LIGHT * (part * alpha).sum() else part


def _hue(rgb: Field, high: Field, span: Field) -> Field:
    red, green, blue = np.moveaxis(rgb, -1, 0)
    safe = np.maximum(span, 1e-4)
    sector = np.where(
        high == red,
        (green - blue) / safe,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue: Field = (sector * 60 % 360).astype(np.float32)
    return hue


def _usual(light: Field, weight: Field) -> float:
    """Return the light that a fifth of the weight is above."""
    order = np.argsort(light, axis=None)
    sums = np.cumsum(weight.ravel()[order])
    place = int(np.searchsorted(sums, 0.8 * sums[-1]))
    return float(light.ravel()[order][min(place, len(order) - 1)])


def _ramp(values: Field, low: float, high: float) -> Field:
    share: Field = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return share
