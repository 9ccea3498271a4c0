import pytest
from PIL import Image

from media.errors import UnreadableMediaError
from media.images.formats import MAX_ASPECT, open_image
from tests.media.images.files import SLOPE, image_file


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_format_that_is_named_can_be_opened(kind: str) -> None:
    with open_image(image_file(SLOPE, kind), 10**6) as image:
        assert image.size == (240, 100)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<svg/>", "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn --><svg xmlns="x">', "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><p>", "web page"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "video"),
        (b"\x1aE\xdf\xa3\x01", "video"),
        (b"hello", "expected JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"),
    ],
)
def test_another_file_is_named_with_what_is_taken(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableMediaError, match=reason) as caught, open_image(data, 10**6):
        pass
    assert "AVIF or HEIC" in str(caught.value)
    assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((1001, 1000), "1 million pixels, this one has 1001 x 1000"),
        ((MAX_ASPECT * 10 + 1, 10), "50 times as long"),
        ((1, MAX_ASPECT + 1), "50 times as long"),
        ((1_000_000, 1), "50 times as long"),
    ],
)
def test_a_size_that_cannot_be_used_is_refused_from_the_header(
    size: tuple[int, int], reason: str
) -> None:
    data = image_file(Image.new("1", size))[:64]  # its pixels are not even there
    with pytest.raises(UnreadableMediaError, match=reason), open_image(data, 1_000_000):
        pass
