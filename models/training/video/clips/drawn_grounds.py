"""Backgrounds that are drawn here, for lack of a photograph: a sky with clouds, and water."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

HEIGHT, WIDTH = 512, 768


def drawing(name: str) -> Image.Image:
    """Return the drawing `name`: always the same."""
    return Image.fromarray({"sky": _sky, "water": _water}[name]())


def _sky() -> Pixels:
    height = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    cloud = np.clip((_noise(3, 4, 5) - 0.48) * 4.5, 0, 1)[..., None]
    shade = np.clip((_noise(3, 4, 5) - _noise(4, 6, 4)) * 0.5, -0.12, 0.0)[..., None]
    blue = _mixed((58, 122, 204), (150, 196, 236), np.broadcast_to(height, (HEIGHT, WIDTH)))
    return _pixels(blue * (1 - cloud) + (250 + 255 * shade) * cloud)


def _water() -> Pixels:
    # ripples: thin bright lines where two slow fields are equal, as light is on a pool's floor
    fields = (_noise(7, 5, 3, flat=1.6) - _noise(8, 7, 3, flat=1.6), _noise(9, 9, 2) - 0.5)
    lines = np.exp(-np.abs(fields[0]) * 22) + 0.5 * np.exp(-np.abs(fields[1]) * 16)
    deep = _mixed((18, 92, 142), (38, 138, 176), _noise(10, 3, 3))
    return _pixels(deep + 62 * np.clip(lines, 0, 1.4)[..., None])


def _noise(seed: int, cells: int, octaves: int, flat: float = 1.0) -> Field:
    """Return smooth noise in [0, 1]: float32 (HEIGHT, WIDTH), `flat` times as wide as high."""
    rng = np.random.default_rng(seed)
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        grid = rng.random((count, max(2, round(count * 1.5 / flat)))).astype(np.float32)
        layer = Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * np.float32(0.5**octave)
    low, high = np.percentile(total, [1, 99])
    noise: Field = np.clip((total - low) / (high - low), 0, 1).astype(np.float32)
    return noise


def _mixed(one: tuple[int, int, int], two: tuple[int, int, int], share: Field) -> Field:
    first, second = np.array(one, np.float32), np.array(two, np.float32)
    return first + (second - first) * share[..., None]


def _pixels(values: Field) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
