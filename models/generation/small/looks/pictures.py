"""Looks of things and of backgrounds, in memory and in one small file.

The file is a ZIP archive of WebP pictures, those of things without loss, and a JSON index with the
licence of each. Pictures with alpha are premultiplied everywhere.
"""

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import WeightsError

Pixels = NDArray[np.uint8]

LONGER_SIDE = 96  # pixels of a look's longer side
OPAQUE = 8  # the least alpha of what belongs to a thing
GROUND_QUALITY = 88  # of WebP
INDEX = "index.json"


@dataclass(frozen=True, slots=True, eq=False)
class LookPicture:
    """A picture of a thing, cut to its opaque part: uint8 (h, w, 4), premultiplied.

    A `directed` one looks left.
    """

    pixels: Pixels
    directed: bool
    licence: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LookPictures:
    """Looks by kind, the usual one first, and backgrounds by name: uint8 (h, w, 3).

    `licences` are those of the backgrounds. `held_out` are other looks of the same kinds, which no
    model was trained with.
    """

    things: dict[str, tuple[LookPicture, ...]]
    grounds: dict[str, Pixels]
    licences: dict[str, str] = field(default_factory=dict)
    held_out: dict[str, tuple[LookPicture, ...]] = field(default_factory=dict)


def cut_out(
    picture: Image.Image, *, faces: str = "", licence: str = "", side: int = LONGER_SIDE
) -> LookPicture:
    """Return `picture` as a look of at most `side` pixels; mirrored if it `faces` "right".

    Raises:
        ValueError: nothing of it is opaque.
    """
    rgba = picture.convert("RGBA")
    box = rgba.getchannel("A").point(lambda alpha: 255 if alpha > OPAQUE else 0).getbbox()
    if box is None:
        raise ValueError("nothing of the picture is opaque")
    # premultiplied, or colors under transparent pixels bleed into the edge
    whole = np.asarray(rgba.crop(box).convert("RGBa"), np.uint8)
    share = min(1.0, side / max(whole.shape))
    pixels = resized(whole, share)
    return LookPicture(pixels[:, ::-1].copy() if faces == "right" else pixels, bool(faces), licence)


def resized(pixels: Pixels, share: float) -> Pixels:
    """Return `pixels`, uint8 (h, w, 4) and premultiplied, `share` times as large."""
    height, width = (max(2, round(side * share)) for side in pixels.shape[:2])
    picture = Image.fromarray(pixels, "RGBa").resize((width, height), Image.Resampling.LANCZOS)
    small = np.asarray(picture, np.uint8)
    return np.minimum(small, small[..., 3:])  # resampling overshoots


def pack(pictures: LookPictures, file: Path) -> None:
    """Write `pictures` to `file`."""
    index: dict[str, Any] = {}
    with zipfile.ZipFile(file, "w") as archive:
        for part in ("things", "held_out"):
            held: dict[str, tuple[LookPicture, ...]] = getattr(pictures, part)
            index[part] = {kind: [_entry(look) for look in looks] for kind, looks in held.items()}
            for kind, looks in held.items():
                for number, look in enumerate(looks):
                    data = _encoded(look.pixels, lossless=True, exact=True)
                    archive.writestr(f"{part}/{kind}/{number}.webp", data)
        index["grounds"] = {name: pictures.licences.get(name, "") for name in pictures.grounds}
        for name, ground in pictures.grounds.items():
            data = _encoded(ground, quality=GROUND_QUALITY)
            archive.writestr(f"grounds/{name}.webp", data)
        archive.writestr(INDEX, json.dumps(index), zipfile.ZIP_DEFLATED)


def load(file: Path) -> LookPictures:
    """Return the pictures in `file`.

    Raises:
        WeightsError: it is no such file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            index = json.loads(archive.read(INDEX))
            looks = [_looks(archive, part, index[part]) for part in ("things", "held_out")]
            grounds = {
                name: _decoded(archive, f"grounds/{name}.webp", "RGB") for name in index["grounds"]
            }
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise WeightsError(f"{file} holds no looks: {error}") from error
    return LookPictures(looks[0], grounds, index["grounds"], looks[1])


def _entry(look: LookPicture) -> dict[str, Any]:
    return {"directed": look.directed, "licence": look.licence}


def _looks(
    archive: zipfile.ZipFile, part: str, index: dict[str, list[dict[str, Any]]]
) -> dict[str, tuple[LookPicture, ...]]:
    return {
        kind: tuple(
            LookPicture(_decoded(archive, f"{part}/{kind}/{number}.webp", "RGBA"), **entry)
            for number, entry in enumerate(entries)
        )
        for kind, entries in index.items()
    }


def _encoded(pixels: Pixels, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", method=6, **options)
    return file.getvalue()


def _decoded(archive: zipfile.ZipFile, name: str, mode: str) -> Pixels:
    with Image.open(io.BytesIO(archive.read(name))) as picture:
        # a picture without a transparent pixel comes back without alpha
        return np.asarray(picture.convert(mode), np.uint8)
