from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from media.errors import UnreadableMediaError
from media.images.decoding import decode_image
from media.sizes import SizeLimits
from tests.media.images.files import SLOPE, image_file

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decode(data: bytes, limits: SizeLimits | None = None) -> Any:
    return np.asarray(decode_image(data, limits or SizeLimits(), 10**8).image)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_a_lossless_image_is_decoded_exactly(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(image_file(SLOPE, kind, **options)), SLOPE)


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "HEIF", "GIF"])
def test_an_image_of_another_format_is_close_to_what_was_encoded(kind: str) -> None:
    decoded = decode(image_file(SLOPE, kind)).astype(int)
    assert np.abs(decoded - SLOPE).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_rotated_photograph_is_turned_upright(kind: str, orientation: int) -> None:
    """The corner that is shown at the top left is bright, by the table of Exif 2.3."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    upper = orientation in (1, 2, 5, 8)  # the stored corner that is shown there
    left = orientation in (1, 4, 5, 6)
    pixels[:32, :48] = 250
    if not upper:
        pixels = pixels[::-1]
    if not left:
        pixels = pixels[:, ::-1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = decode(image_file(np.ascontiguousarray(pixels), kind, exif=exif.tobytes()))
    assert shown.shape == ((64, 96, 3) if orientation <= 4 else (96, 64, 3))
    assert shown[:24, :24].mean() > 240
    assert shown[-24:, -24:].mean() < 10


def test_a_large_image_is_scaled_down() -> None:
    large = np.zeros((1000, 3000, 3), np.uint8)
    assert decode(image_file(large, "JPEG")).shape == (427, 1280, 3)
    limits = SizeLimits(longer=300, shorter=100)
    assert decode(image_file(large), limits).shape == (100, 300, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16", "CMYK"])
@settings(max_examples=25)
@given(height=st.integers(17, 700), width=st.integers(17, 700), cut=st.floats(0.2, 0.8))
def test_an_image_that_is_scaled_down_keeps_its_brightness_and_edges(
    mode: str, height: int, width: int, cut: float
) -> None:
    """Black from the left, white to the right: the edge stays where it was."""
    limits = SizeLimits(longer=16, shorter=16)
    edge = round(cut * width)
    gray = np.zeros((height, width), np.uint8)
    gray[:, edge:] = 255
    image = Image.fromarray(gray)
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert("RGB").convert(mode) if mode == "CMYK" else image.convert(mode)
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    decoded = decode(image_file(image, kind), limits)
    columns = decoded.mean(axis=(0, 2)) / 255
    assert abs(columns.mean() - (1 - edge / width)) < 0.25 / len(columns)  # a quarter of a pixel
    middle = (np.arange(len(columns)) + 0.5) / len(columns) - edge / width
    far = np.abs(middle) > 1.5 / len(columns)
    np.testing.assert_allclose(columns[far], middle[far] > 0, atol=0.01)


def test_gray_of_16_bits_is_shown_in_its_brightness() -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        shown = decode(image_file(Image.fromarray(np.tile(ramp, (16, 1))), kind))
        np.testing.assert_array_equal(shown[0, :, 0], np.arange(256))


def test_numbers_of_any_range_are_shown_from_the_darkest_to_the_brightest() -> None:
    depths = np.tile(np.linspace(2.5, 7.5, 256, dtype=np.float32), (16, 1))
    shown = decode(image_file(Image.fromarray(depths), "TIFF"))
    assert np.abs(shown[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_transparent_parts_are_white(kind: str) -> None:
    """A drawing in black on nothing, as many are: without a ground all of it would be black."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[16:48, 16:48, 3] = 255
    shown = decode(image_file(pixels, kind))
    assert shown[4, 4].min() > 245
    assert shown[32, 32].max() < 10


@pytest.mark.parametrize(
    "image",
    [
        Image.new("LA", (64, 64), (0, 0)),
        Image.new("RGB", (64, 64), (9, 9, 9)).quantize(4),
        Image.new("L", (64, 64), 7),
        Image.new("RGB", (64, 64), (1, 2, 3)),
    ],
    ids=lambda image: image.mode,
)
def test_transparency_of_every_kind_is_white(image: Image.Image) -> None:
    transparent = {"P": 0, "L": 7, "RGB": (1, 2, 3)}.get(image.mode)
    options = {} if transparent is None else {"transparency": transparent}
    assert decode(image_file(image, "PNG", **options)).min() == 255


def test_half_transparent_is_between_its_color_and_white() -> None:
    shown = decode(image_file(Image.new("RGBA", (64, 64), (255, 0, 0, 128))))
    assert np.abs(shown[0, 0].astype(int) - (255, 127, 127)).max() <= 1


def test_a_color_profile_is_applied() -> None:
    """CIELAB is a color space with known values: L 53, a 80, b 67 is sRGB's red."""
    lab = Image.new("LAB", (32, 32), (round(53.24 * 2.55), 80 + 128, 67 + 128))
    assert np.abs(decode(image_file(lab, "TIFF"))[0, 0].astype(int) - (255, 0, 0)).max() < 12


def swapped_profile() -> bytes:
    """Return sRGB's profile with red and green exchanged, as an image could have."""
    profile = bytearray(SRGB)
    place = {}
    for index in range(int.from_bytes(profile[128:132])):
        entry = 132 + 12 * index
        place[bytes(profile[entry : entry + 4])] = entry + 4
    red, green = (slice(place[tag], place[tag] + 8) for tag in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_colors_are_those_of_the_profile_in_the_file(kind: str) -> None:
    red = Image.new("RGB", (64, 64), (230, 20, 20))
    shown = decode(image_file(red, kind, icc_profile=swapped_profile()))[32, 32].astype(int)
    assert np.abs(shown - (20, 230, 20)).max() < 12


def test_a_damaged_profile_is_ignored() -> None:
    for profile in (b"no profile", SRGB[:100], SRGB[:300] + bytes(200)):
        data = image_file(SLOPE, "PNG", icc_profile=profile)
        np.testing.assert_array_equal(decode(data), SLOPE)


def test_of_an_animation_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (64, 64), (n * 80, 0, 0)) for n in range(3)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        data = image_file(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decode(data).max() < 8, kind


def test_a_single_pixel_is_a_valid_image() -> None:
    assert decode(image_file(np.full((1, 1, 3), 7, np.uint8))).tolist() == [[[7] * 3] * 2] * 2


@pytest.mark.parametrize("data", [image_file(SLOPE)[:200], image_file(SLOPE, "JPEG")[:300]])
def test_a_file_that_is_cut_off_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableMediaError, match="damaged"):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_is_decoded_or_refused(kind: str, data: st.DataObject) -> None:
    changed = bytearray(image_file(SLOPE[:32, :48], kind))
    places = st.lists(st.tuples(st.integers(0, len(changed) - 1), st.integers(0, 255)), max_size=6)
    for place, value in data.draw(places):
        changed[place] = value
    try:
        shown = decode_image(bytes(changed), SizeLimits(longer=64, shorter=64), 1_000_000)
    except UnreadableMediaError:
        return
    assert shown.image.mode == "RGB"
    assert max(shown.image.size) <= 64
