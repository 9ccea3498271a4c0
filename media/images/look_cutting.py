"""Image files of users as looks of video generation: decoded with alpha, and cut."""

import numpy as np
from PIL import Image

from media.errors import UnreadableMediaError
from media.images.decoding import decode_image
from media.images.look_file import LookFile, LookPlan
from media.sizes import SizeLimits
from media.tone_mapping import coding_of, to_srgb
from models.generation.small.looks.cutting import cut_look

READ = SizeLimits(longer=512, shorter=512)  # pixels of what is cut


def read_look(data: bytes, plan: LookPlan, max_pixels: int) -> LookFile:
    """Return the look in the image file `data`.

    Raises:
        UnreadableMediaError: not an image of a format that is taken, damaged, or too large; or
            nothing of it is opaque.
    """
    decoded = decode_image(data, READ, max_pixels, alpha=True)
    picture = decoded.image
    if coding := coding_of(decoded.primaries, decoded.transfer):
        shown = to_srgb(np.asarray(picture.convert("RGB")) * np.uint16(257), *coding)
        picture = Image.fromarray(shown)
    try:
        return LookFile(
            *cut_look(picture, role=plan.role, whole=plan.whole, mirrored=plan.mirrored)
        )
    except ValueError as error:
        raise UnreadableMediaError(str(error)) from error
