import io

import numpy as np
import pytest
from PIL import Image

from media.errors import UnreadableMediaError
from media.images import MAX_PIXELS, encode_thumbnail, read_image
from media.video import SizeLimits


def file(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


SLOPE = np.tile(np.arange(0, 240, dtype=np.uint8)[None, :, None], (100, 1, 3))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_a_lossless_image_is_decoded_exactly(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(read_image(file(SLOPE, kind, **options)), SLOPE)


def test_transparency_and_gray_become_rgb() -> None:
    assert read_image(file(SLOPE[..., 0])).shape == (100, 240, 3)
    assert read_image(file(np.dstack([SLOPE, SLOPE[..., :1]]))).shape == (100, 240, 3)


def test_a_rotated_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned a quarter clockwise to be shown
    data = file(SLOPE, "JPEG", exif=exif, quality=95)
    upright = read_image(data)
    assert upright.shape == (240, 100, 3)
    assert upright[0].mean() < upright[-1].mean()


def test_a_large_image_is_scaled_down() -> None:
    large = np.zeros((1000, 3000, 3), np.uint8)
    assert read_image(file(large, "JPEG")).shape == (427, 1280, 3)
    limits = SizeLimits(longer=300, shorter=100)
    assert read_image(file(large), limits).shape == (100, 300, 3)


def test_a_single_pixel_is_a_valid_image() -> None:
    assert read_image(file(np.full((1, 1, 3), 7, np.uint8))).shape == (2, 2, 3)


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", file(SLOPE)[:200], file(SLOPE, "JPEG")[:300], b"<svg/>"]
)
def test_a_file_that_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableMediaError, match="image"):
        read_image(data)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    bomb = io.BytesIO()
    Image.new("1", (side, side)).save(bomb, "PNG")
    with pytest.raises(UnreadableMediaError, match="million pixels"):
        read_image(bomb.getvalue())


def test_a_thumbnail_is_a_small_jpeg() -> None:
    small = encode_thumbnail(np.tile(SLOPE, (6, 3, 1)))
    assert small.startswith(b"\xff\xd8")
    assert read_image(small).shape == (120, 144, 3)
    assert len(small) < 5_000
