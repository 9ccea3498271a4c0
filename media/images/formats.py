"""Opening image files: which formats are taken, and how large an image may be.

Everything here is known from the first bytes of a file: its pixels are not decoded.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pi_heif
from PIL import Image, UnidentifiedImageError

from media.errors import UnreadableMediaError

FORMATS = {  # names of Pillow's plugins, and for people
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "AVIF": "AVIF",
    "HEIF": "HEIC",
}
TAKEN = ", ".join(list(FORMATS.values())[:-1]) + f" or {list(FORMATS.values())[-1]}"
MAX_ASPECT = 50  # longer side over shorter; beyond, nothing is left of an image that is scaled down
NOT_IMAGES = (  # how other files begin that people send, and what to do with them
    (b"<svg", "SVG, which is a drawing: send it as a PNG"),
    (b"<!doctype svg", "SVG, which is a drawing: send it as a PNG"),
    (b"%pdf", "PDF: send its page as a PNG"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"8bps", "a Photoshop file: send it as a PNG"),
    (b"\x1aE\xdf\xa3".lower(), "a video: send one frame of it as a JPEG"),
)
VIDEO_BRANDS = (b"isom", b"mp41", b"mp42", b"qt  ", b"iso2", b"iso4", b"iso5", b"iso6", b"avc1")
SNIFFED = 512  # bytes
MAX_HEAD = 1 << 18  # bytes before the pixels of a file that are searched for its colors
SRGB_PRIMARIES, SRGB_TRANSFER = 1, 13  # ITU-T H.273, tables 2 and 3
HIGH_RANGE = (16, 18)  # PQ and HLG, table 3

pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """The most pixels that an image file may have, and what decoding one may cost.

    `timeout` is in seconds, `memory` in MB for each of the `processes` that decode.
    """

    pixels: int = 64_000_000
    timeout: float = 10.0
    memory: int = 1024
    processes: int = 2


@contextmanager
def open_image(data: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """Open the image file `data`, without decoding its pixels.

    Raises:
        UnreadableMediaError: not one of `FORMATS`, damaged, or too many pixels; also if the block
            raises because the file is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's: of sizes, checked below, and odd metadata
            with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
                _check_size(image.width, image.height, max_pixels)
                yield image
    except UnidentifiedImageError as error:
        raise UnreadableMediaError(f"not a readable image: {_describe(data)}") from error
    except MemoryError as error:
        raise UnreadableMediaError(
            "an image that takes too much memory to decode: send a smaller one"
        ) from error
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise UnreadableMediaError(f"not a readable image: it is damaged ({error})") from error
    except (ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        # Pillow's parsers of headers raise what the Python in them happens to raise.
        raise UnreadableMediaError(f"not a readable image: it is damaged ({error!r})") from error


def color_code_points(data: bytes, format: str | None) -> tuple[int, int]:
    """Return the primaries and the transfer function that a file names beside its profile.

    They are code points of ITU-T H.273; Pillow reads none of them.
    """
    if format in ("AVIF", "HEIF"):
        place, size = data.find(b"colrnclx", 0, MAX_HEAD) + 8, 2  # ISO/IEC 14496-12, 12.1.5
    elif format == "PNG":
        place, size = data.find(b"\0\0\0\x04cICP", 0, MAX_HEAD) + 8, 1  # PNG 3, 11.3.2.6
    else:
        return SRGB_PRIMARIES, SRGB_TRANSFER
    if place < 8 or len(data) < place + 2 * size:
        return SRGB_PRIMARIES, SRGB_TRANSFER
    first, second = data[place : place + size], data[place + size : place + 2 * size]
    return int.from_bytes(first), int.from_bytes(second)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    """Check the size that the file's header says.

    Raises:
        UnreadableMediaError: too many pixels, none, or one side is too long for the other.
    """
    size = f"this one has {width} x {height}"
    if width < 1 or height < 1:
        raise UnreadableMediaError(f"an image needs pixels, {size}")
    if width * height > max_pixels:
        millions = max_pixels / 1_000_000
        raise UnreadableMediaError(
            f"an image may have {millions:g} million pixels, {size}: send a smaller one, or raise "
            "EYELINE_IMAGE_PIXELS"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableMediaError(
            f"an image may be {MAX_ASPECT} times as long as it is wide, {size}: cut it into parts"
        )


def _describe(data: bytes) -> str:
    """Say what `data` is instead of an image, and what is taken."""
    if not data:
        return f"the file is empty, expected {TAKEN}"
    start = data[:SNIFFED].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<?xml") and b"<svg" in start:
        start = start[start.index(b"<svg") :]
    if start[4:8] == b"ftyp" and start[8:12] in VIDEO_BRANDS:
        return f"it is a video: send one frame of it; expected {TAKEN}"
    for prefix, name in NOT_IMAGES:
        if start.startswith(prefix):
            return f"it is {name}; expected {TAKEN}"
    return f"expected {TAKEN}"
