"""Image files for tests."""

import io

import numpy as np
import pillow_heif
from PIL import Image


def image_file(pixels: "np.ndarray | Image.Image", kind: str = "PNG", **options: object) -> bytes:
    """Return `pixels` as a file of the format `kind`."""
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if kind == "HEIF":  # only read by the service: another package writes it
        written = pillow_heif.from_pillow(image)
        written[0].info.update(options)  # type: ignore[arg-type]  # names of its values
        written.save(out)
    else:
        image.save(out, kind, **options)
    return out.getvalue()


SLOPE = np.tile(np.arange(0, 240, dtype=np.uint8)[None, :, None], (100, 1, 3))
