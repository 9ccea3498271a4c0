"""Signs as a camera sees them, drawn: seen from the side, blurred, in little light."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = (640, 480)  # of the camera


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a sign is seen: `height` of its letters in pixels, `tilt` in degrees, `slant` as part of
    its width that the far side is shorter, `blur` in pixels, `light` of 1, `noise` of 255.
    """

    height: int = 48
    tilt: float = 0.0
    slant: float = 0.0
    blur: float = 0.0
    light: float = 1.0
    noise: float = 0.0


def photograph(lines: list[str], view: View, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture of a sign with `lines`, uint8 (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    sign = _sign(lines, view.height)
    if view.slant:
        sign = _from_the_side(sign, view.slant)
    sign = sign.rotate(view.tilt, expand=True, resample=Image.Resampling.BICUBIC)
    background = rng.normal((110, 120, 125), 12, (SIZE[1] // 8, SIZE[0] // 8, 3)).clip(0, 255)
    picture = Image.fromarray(background.astype(np.uint8)).resize(SIZE)
    place = ((SIZE[0] - sign.width) // 2, (SIZE[1] - sign.height) // 2)
    picture.paste(sign, place, sign)
    if view.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(view.blur))
    values = np.asarray(picture, np.float64) * view.light
    noisy = values + rng.normal(0, view.noise, values.shape) if view.noise else values
    return noisy.round().clip(0, 255).astype(np.uint8)


def _sign(lines: list[str], height: int) -> Image.Image:
    font = ImageFont.load_default(height)
    step = round(1.3 * height)
    width = round(max(font.getlength(line) for line in lines)) + height
    sign = Image.new("RGBA", (width, step * len(lines) + height // 2), (235, 235, 225, 255))
    draw = ImageDraw.Draw(sign)
    for row, line in enumerate(lines):
        left = (width - font.getlength(line)) / 2
        draw.text((left, height // 4 + row * step), line, fill=(160, 20, 20), font=font)
    return sign


def _from_the_side(sign: Image.Image, slant: float) -> Image.Image:
    """Return `sign` with its right side shorter by `slant`, and narrower."""
    width, height = round(sign.width * (1 - slant)), sign.height
    lost = slant * height / 2
    to = [(0, 0), (width, lost), (width, height - lost), (0, height)]
    of = [(0, 0), (sign.width, 0), (sign.width, height), (0, height)]
    rows, right = [], []
    for (x, y), (u, v) in zip(to, of, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    form = np.linalg.solve(np.array(rows, np.float64), np.array(right, np.float64))
    return sign.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        tuple(form.tolist()),
        resample=Image.Resampling.BICUBIC,
    )
