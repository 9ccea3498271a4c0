"""Image files: decoding of JPEG, PNG, WebP, GIF and BMP to RGB arrays, and encoding as JPEG."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from media.errors import UnreadableMediaError
from media.video import SizeLimits, fit, resize

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 64_000_000  # of a file, before it is scaled down
THUMBNAIL_SIZE = SizeLimits(longer=160, shorter=120)
JPEG_QUALITY = 75


def read_image(data: bytes, limits: SizeLimits | None = None) -> Pixels:
    """Decode an image file: upright, uint8 (height, width, 3) RGB, within `limits`.

    Raises:
        UnreadableMediaError: not one of these formats, damaged, or too many pixels.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # measured below
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableMediaError(
                    f"an image may have {MAX_PIXELS // 1_000_000} million pixels, this one has "
                    f"{image.width} x {image.height}: send a smaller one"
                )
            size = fit(image.width, image.height, limits or SizeLimits())
            image.draft("RGB", size)
            upright = ImageOps.exif_transpose(image).convert("RGB")
            pixels = np.asarray(upright, dtype=np.uint8)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise UnreadableMediaError(f"not a readable image: {error}") from error
    if min(pixels.shape[:2]) < 2:  # scaling needs at least two rows and columns
        padding = [(0, max(0, 2 - side)) for side in pixels.shape[:2]]
        pixels = np.pad(pixels, (*padding, (0, 0)), mode="edge")
    return resize(pixels, limits or SizeLimits())


def encode_thumbnail(pixels: Pixels) -> bytes:
    """Return a small version of `pixels` as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(resize(pixels, THUMBNAIL_SIZE)).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def upscale(pixels: Pixels, side: int) -> Pixels:
    """Enlarge `pixels` so that the shorter side is `side`; a larger image stays as it is."""
    height, width, _ = pixels.shape
    scale = side / min(height, width)
    if scale <= 1:
        return pixels
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), np.uint8)


def encode_jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
