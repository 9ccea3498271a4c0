"""The pictures that clips are composed of, in memory, in a folder, or packed in one small file.

`fetch` of `photographs` fills the folder. A packed file is a tenth of its size: it travels to a
machine that reaches no packages. Objects are kept exactly in it, backgrounds nearly.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GROUND_QUALITY = 90  # of WebP

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """The pictures: `objects` uint8 (h, w, 4) with alpha; `grounds` uint8 (h, w, 3)."""

    objects: dict[str, Pixels]
    grounds: dict[str, Pixels]


def load(source: Path) -> Photographs:
    """Return the pictures in a folder, from `fetch`, or in a packed file.

    Raises:
        FileNotFoundError: there is no such file, or nothing was fetched into the folder.
    """
    if source.suffix == ".zip":
        return _unpack(source)
    if not (source / "manifest.json").exists():
        raise FileNotFoundError(
            f"{source} holds no photographs; run python -m models.training.video.clips.photographs"
        )
    with np.load(source / "pictures.npz") as kept:
        return _sorted({name: kept[name] for name in kept.files})


def pack(pictures: Photographs, file: Path) -> None:
    """Write `pictures` to one file, as WebP in a ZIP archive."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, drawing in pictures.objects.items():
            archive.writestr(f"o/{name}", _encoded(drawing, lossless=True, exact=True))
        for name, ground in pictures.grounds.items():
            archive.writestr(f"g/{name}", _encoded(ground, quality=GROUND_QUALITY))


def _unpack(file: Path) -> Photographs:
    with zipfile.ZipFile(file) as archive:
        parts = {}
        for name in archive.namelist():
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                # a drawing without a transparent pixel comes back without alpha
                mode = "RGBA" if name.startswith("o/") else "RGB"
                parts[name] = np.asarray(picture.convert(mode), np.uint8)
    return _sorted(parts)


def _sorted(parts: dict[str, Pixels]) -> Photographs:
    return Photographs(
        {name.removeprefix("o/"): kept for name, kept in parts.items() if name.startswith("o/")},
        {name.removeprefix("g/"): kept for name, kept in parts.items() if name.startswith("g/")},
    )


def _encoded(picture: Pixels, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", **options)
    return file.getvalue()
