"""The dominant color of a thing, as one of eleven basic color words.

Pixels of a frame are classified once, for all its things.

Source of the eleven: Berlin and Kay 1969. The bounds in hue, saturation and value are our own.
"""

import torch
from torch import Tensor

from models.vision.detection import Detection

COLORS = (
    "black", "grey", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip
SURROUNDINGS_WEIGHT = 0.7  # weight of the colors of the surroundings, which are subtracted
RING = 0.2  # width of the surroundings of a box, as a fraction of its own
CHROMATIC_WEIGHT = 2.0  # weight of chromatic colors, relative to black, grey and white
# Upper bounds of hue, in degrees, and the names of chromatic colors.
HUES = ((14, "red"), (40, "orange"), (66, "yellow"), (165, "green"), (258, "blue"))
HUES_END = ((292, "purple"), (338, "pink"), (360, "red"))


def classify_pixels(pixels: Tensor) -> Tensor:
    """Return the index in `COLORS` of each pixel of float32 (3, height, width), 0 to 255."""
    top, bottom = pixels.amax(0), pixels.amin(0)
    span = top - bottom
    saturation = span / top.clamp(min=1)
    hue = _hue(pixels, top, span)
    bounds = torch.tensor([limit for limit, _ in (*HUES, *HUES_END)])
    names = torch.tensor([COLORS.index(name) for _, name in (*HUES, *HUES_END)])
    found = names[torch.bucketize(hue, bounds).clamp(max=len(names) - 1)]
    warm = (hue < 46) | (hue > 345)
    found = _set(found, warm & (top < 150) & (saturation > 0.25), "brown")
    found = _set(found, warm & (saturation < 0.5) & (saturation > 0.25) & (top < 190), "brown")
    found = _set(found, ((hue > 320) | (hue < 14)) & (saturation < 0.5) & (top > 190), "pink")
    dull = saturation < 0.18
    found = _set(found, dull, "grey")
    found = _set(found, dull & (top > 185), "white")
    return _set(found, (top < 50) | (dull & (top < 65)), "black")


def color_fractions(colors: Tensor, weight: Tensor) -> Tensor:
    """Return the fraction of each of `COLORS` in `colors`, those of pixels, (height, width).

    They are weighted by `weight`, (height, width).
    """
    counts = torch.zeros(len(COLORS)).index_add(0, colors.flatten(), weight.flatten())
    return counts / counts.sum().clamp(min=1e-6)


def dominant_color(colors: Tensor, mask: Tensor, *, min_score: float = 0.1) -> str:
    """Return the color of the thing in `mask`, (height, width) in [0, 1]; empty if unclear.

    `colors` are those of the pixels, (height, width).

    Colors of the image's edge have less weight, and chromatic colors more than black, grey and
    white. The weights were chosen on photographs.
    """
    return _color_of(colors, mask.square(), _edge(mask) * (1 - mask), min_score)


def _color_of(colors: Tensor, inside: Tensor, outside: Tensor, min_score: float) -> str:
    """Return the color that is frequent where `inside` is high, less so where `outside` is."""
    thing, around = color_fractions(colors, inside), color_fractions(colors, outside)
    clear = torch.tensor(
        [1.0 if name in ("black", "grey", "white") else CHROMATIC_WEIGHT for name in COLORS]
    )
    worth = (thing - SURROUNDINGS_WEIGHT * torch.minimum(around, thing)) * clear
    best = int(worth.argmax())
    return COLORS[best] if worth[best] >= min_score else ""


def color_in_box(colors: Tensor, box: Detection, *, min_score: float = 0.1) -> str:
    """Return the color of the thing in `box`; empty if unclear.

    `colors` are those of the pixels, (height, width). The middle of the box weighs most, and the
    colors of the ring around it are subtracted.
    """
    height, width = colors.shape
    rows, columns = (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width
    tall = _within(rows, box.top, box.bottom, RING)
    wide = _within(columns, box.left, box.right, RING)
    rows, columns = rows[tall], columns[wide]
    inside = _bump(rows, box.top, box.bottom)[:, None] * _bump(columns, box.left, box.right)
    narrow = _within(rows, box.top, box.bottom, 0)[:, None] & _within(
        columns, box.left, box.right, 0
    )
    return _color_of(colors[tall][:, wide], inside, (~narrow).float(), min_score)


def _bump(at: Tensor, low: float, high: float) -> Tensor:
    """Return weights that are 1 in the middle between `low` and `high`, and 0 outside."""
    half = max((high - low) / 2, 1e-6)
    return (1 - ((at - (low + high) / 2) / half).square()).clamp(min=0)


def _within(at: Tensor, low: float, high: float, margin: float) -> Tensor:
    """Return where `at` is between `low` and `high`, each moved out by `margin` of the length."""
    more = margin * (high - low)
    return (at >= low - more) & (at < high + more)


def _edge(like: Tensor) -> Tensor:
    """Return (height, width) with 1 in the outer ninth on each side, and 0 inside."""
    edge = torch.ones_like(like)
    height, width = (size // 9 for size in like.shape)
    edge[height:-height, width:-width] = 0
    return edge


def _hue(pixels: Tensor, top: Tensor, span: Tensor) -> Tensor:
    red, green, blue = pixels
    step = span.clamp(min=1e-3)
    hue = torch.where(
        top == red,
        ((green - blue) / step) % 6,
        torch.where(top == green, (blue - red) / step + 2, (red - green) / step + 4),
    )
    return hue * 60


def _set(found: Tensor, where: Tensor, name: str) -> Tensor:
    return torch.where(where, COLORS.index(name), found)
