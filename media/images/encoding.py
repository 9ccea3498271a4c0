"""Encoding of frames as JPEG files, and thumbnails of them."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.sizes import SizeLimits
from media.video import resize

Pixels = NDArray[np.uint8]

THUMBNAIL_SIZE = SizeLimits(longer=160, shorter=120)
JPEG_QUALITY = 75


def encode_thumbnail(pixels: Pixels) -> bytes:
    """Return a small version of `pixels` as a JPEG file."""
    return encode_jpeg(resize(pixels, THUMBNAIL_SIZE))


def encode_jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def upscale(pixels: Pixels, side: int) -> Pixels:
    """Enlarge `pixels` so that the shorter side is `side`; a larger image stays as it is."""
    height, width, _ = pixels.shape
    scale = side / min(height, width)
    if scale <= 1:
        return pixels
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), np.uint8)
