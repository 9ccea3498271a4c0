import asyncio
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from media.errors import UnreadableMediaError
from media.images import decoder as decoder_module
from media.images.decoder import ImageDecoder
from media.images.decoding import decode_image
from media.images.formats import ImageLimits
from media.sizes import SizeLimits
from media.worker import Worker
from tests.media.images.files import SLOPE, image_file
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow
FILE = image_file(SLOPE, "JPEG")


@pytest.fixture
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder(ImageLimits(processes=1, timeout=PATIENCE))
    yield decoder
    decoder.close()


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageDecoder]:
    monkeypatch.setattr(decoder_module, "MODULE", "tests.media.images.hostile_process")
    decoder = ImageDecoder(ImageLimits(processes=1, timeout=PATIENCE))
    yield decoder
    decoder.close()


async def test_pixels_and_errors_are_those_of_the_process(decoder: ImageDecoder) -> None:
    limits = SizeLimits(longer=64, shorter=64)
    expected = np.asarray(decode_image(FILE, limits, 10**6).image)
    for _ in range(3):
        np.testing.assert_array_equal(await decoder.read(FILE, limits), expected)
        with pytest.raises(UnreadableMediaError, match="SVG"):
            await decoder.read(b"<svg/>")
    assert len(decoder._idle) == 1


async def test_images_at_once_get_their_own_pixels() -> None:
    decoder = ImageDecoder(ImageLimits(processes=2))
    shades = range(0, 250, 25)
    files = [image_file(Image.new("RGB", (40, 30), (shade,) * 3)) for shade in shades]
    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(decoder.read(file)) for file in files]
    assert [int(task.result().mean()) for task in reading] == list(shades)
    assert len(decoder._idle) <= 2
    decoder.close()


async def test_a_file_that_crashes_its_process_is_an_error_and_the_next_is_read(
    hostile: ImageDecoder,
) -> None:
    for _ in range(2):
        with pytest.raises(UnreadableMediaError, match="decoder failed"):
            await hostile.read(b"crash")
        assert (await hostile.read(FILE)).shape == SLOPE.shape


async def test_a_process_that_was_killed_is_replaced(decoder: ImageDecoder) -> None:
    await decoder.read(FILE)
    decoder._idle[0]._process.kill()
    assert (await decoder.read(FILE)).shape == SLOPE.shape


async def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_module, "MODULE", "tests.media.images.hostile_process")
    decoder = ImageDecoder(ImageLimits(processes=1, timeout=0.2))
    with pytest.raises(UnreadableMediaError, match=r"more than 0.2 s"):
        await decoder.read(b"hang")
    assert decoder._idle == []
    decoder.close()


async def test_closing_gives_up_what_is_being_decoded(hostile: ImageDecoder) -> None:
    await hostile.read(FILE)  # its process is there
    async with asyncio.TaskGroup() as tasks:
        hanging = tasks.create_task(refused(hostile, b"hang"))
        await asyncio.sleep(0)  # it has begun
        closer = Worker("closer")
        await closer.run(hostile.close)
        await hanging
    closer.close()


async def refused(decoder: ImageDecoder, data: bytes) -> None:
    with pytest.raises((UnreadableMediaError, asyncio.CancelledError)):
        await decoder.read(data)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces the limit")
async def test_memory_is_limited() -> None:
    decoder = ImageDecoder(ImageLimits(processes=1, memory=128, timeout=PATIENCE))
    with pytest.raises(UnreadableMediaError, match="memory"):
        await decoder.read(image_file(Image.new("RGBA", (7000, 7000))))
    assert (await decoder.read(FILE)).shape == SLOPE.shape
    decoder.close()


async def test_a_picture_of_64_million_pixels_in_few_bytes_is_read(decoder: ImageDecoder) -> None:
    file = image_file(Image.new("1", (8000, 8000), 1))
    assert len(file) < 25_000
    assert (await decoder.read(file)).min() == 255


def test_the_processes_import_neither_models_nor_ffmpeg() -> None:
    """They are many, and start at the first image: neither memory nor time to spare."""
    names = f"import sys; import {decoder_module.MODULE}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", names], capture_output=True, check=True).stdout
    assert b"PIL.Image" in imported.split()
    assert not {b"torch", b"onnxruntime", b"av", b"numpy", b"pydantic"} & set(imported.split())


def with_code_points(gray: int, kind: str, primaries: int, transfer: int) -> bytes:
    """Return an image file that names these colors, ITU-T H.273."""
    file = image_file(Image.new("RGB", (64, 64), (gray,) * 3), kind)
    if kind == "PNG":
        chunk = b"cICP" + bytes((primaries, transfer, 0, 1))
        coded = (4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
        return file[:33] + coded + file[33:]  # after the header
    place = file.index(b"colrnclx") + 8
    return file[:place] + struct.pack(">HH", primaries, transfer) + file[place + 4 :]


@pytest.mark.parametrize("kind", ["PNG", "AVIF", "HEIF"])
async def test_high_dynamic_range_is_mapped(decoder: ImageDecoder, kind: str) -> None:
    """White paper is 58 % in PQ and 75 % in HLG: shown as it is, it would be gray."""
    for transfer, code in ((16, 0.581), (18, 0.75)):
        shown = await decoder.read(with_code_points(round(255 * code), kind, 9, transfer))
        assert 220 < shown.mean() < 240
    assert (await decoder.read(with_code_points(148, kind, 1, 13))).mean() == pytest.approx(148, 2)
