import numpy as np

from media.images.decoding import decode_image
from media.images.encoding import encode_thumbnail
from media.sizes import SizeLimits
from tests.media.images.files import SLOPE


def test_a_thumbnail_is_a_small_jpeg() -> None:
    small = encode_thumbnail(np.tile(SLOPE, (6, 3, 1)))
    assert small.startswith(b"\xff\xd8")
    assert decode_image(small, SizeLimits(), 10**6).image.size == (144, 120)
    assert len(small) < 5_000
