"""Decodes an image file to what a viewer shows of it: upright, in sRGB, its first frame.

Transparent parts are white, unless alpha is wanted.

Only Pillow is used: this runs in the small processes of `media.images.decoder`.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageCms

from media.images.formats import HIGH_RANGE, SRGB_PRIMARIES, color_code_points, open_image
from media.sizes import SizeLimits, fit

MIN_SIDE = 2  # pixels: frames have at least two rows and columns
STRIP = 64  # rows that are converted at once, at least: bounds the memory beside the image's own
FILTER = Image.Resampling.HAMMING  # weights whole areas: fine text does not flicker
WHITE = (255, 255, 255)
ORIENTATION = 0x0112  # tag of Exif 2.3, section 4.6.4
TRANSPOSED = {  # by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SRGB = ImageCms.createProfile("sRGB")
KEPT_MODES = ("L", "RGB", "RGBA", "CMYK", "LAB")  # averaged as they are, converted when small
ALPHA_MODES = ("LA", "La", "PA", "RGBa")

Convert = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image of mode RGB or RGBA, and the code points of its colors: see `media.tone_mapping`."""

    image: Image.Image
    primaries: int
    transfer: int


def decode_image(
    data: bytes, limits: SizeLimits, max_pixels: int, *, alpha: bool = False
) -> DecodedImage:
    """Decode the image file `data` within `limits`: at least 2 by 2 pixels; `alpha` keeps its own.

    Raises:
        UnreadableMediaError: not an image of a format that is taken, damaged, or too large.
    """
    with open_image(data, max_pixels) as image:
        image.draft("RGB", fit(image.width, image.height, limits))
        image.load()
        size = fit(image.width, image.height, limits)
        small = _reduced(image, _converter(image), size)
        primaries, transfer = color_code_points(data, image.format)
        profile = image.info.get("icc_profile")
        if profile and transfer not in HIGH_RANGE:
            primaries = SRGB_PRIMARIES  # once the profile is applied
        elif transfer in HIGH_RANGE:
            profile = None
        shown = _shown(small, profile, alpha=alpha)
        turn = TRANSPOSED.get(image.getexif().get(ORIENTATION, 1))
        upright = shown if turn is None else shown.transpose(turn)
    return DecodedImage(_padded(upright), primaries, transfer)


def _reduced(image: Image.Image, convert: Convert, size: tuple[int, int]) -> Image.Image:
    """Return `image` converted and scaled to `size`, by averaging over areas."""
    factor = min(image.width // size[0], image.height // size[1])
    if factor <= 1:
        return convert(image).resize(size, FILTER)
    rows = factor * -(-STRIP // factor)
    strips = []
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strips.append(convert(strip).reduce(factor))
    height = sum(strip.height for strip in strips)
    joined = Image.new(strips[0].mode, (strips[0].width, height))
    top = 0
    for strip in strips:
        joined.paste(strip, (0, top))
        top += strip.height
    # The last row and column are averages of what remained: less than `factor` pixels.
    box = (0, 0, image.width / factor, image.height / factor)
    return joined.resize(size, FILTER, box=box)


def _converter(image: Image.Image) -> Convert:
    """Return what converts a part of `image` to one of `KEPT_MODES`."""
    mode = image.mode
    if mode.startswith("I;16"):
        return lambda part: _scaled(part, 0, 65535)
    if mode in ("I", "F"):  # of any range: shown from its darkest to its brightest value
        low, high = image.getextrema()
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        return lambda part: _scaled(part, low, high)
    if mode in ALPHA_MODES or image.has_transparency_data:
        return lambda part: part.convert("RGBA")
    if mode in KEPT_MODES:
        return lambda part: part
    return lambda part: part.convert("L" if mode == "1" else "RGB")


def _scaled(part: Image.Image, low: float, high: float) -> Image.Image:
    """Return gray values from `low` to `high` as 8 bits."""
    scale = 255 / max(high - low, 1e-9)
    values = part.convert("I") if part.mode.startswith("I;16") else part
    return values.convert("F").point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


def _shown(image: Image.Image, profile: bytes | None, *, alpha: bool) -> Image.Image:
    """Return `image` in sRGB, with `alpha` as it is, or with white under its transparent parts."""
    own = image.getchannel("A") if image.mode == "RGBA" else None
    opaque = _in_srgb(image.convert("RGB") if own is not None else image, profile)
    if own is None:
        return opaque
    if alpha:
        opaque.putalpha(own)
        return opaque
    ground = Image.new("RGB", image.size, WHITE)
    ground.paste(opaque, mask=own)
    return ground


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert from the color space of `profile`; a damaged one is ignored, as by browsers."""
    try:
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, source, SRGB, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB")
    assert converted is not None
    return converted


def _padded(image: Image.Image) -> Image.Image:
    """Repeat the last row and column of an image that is too small."""
    size = (max(MIN_SIDE, image.width), max(MIN_SIDE, image.height))
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)
