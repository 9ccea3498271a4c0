"""Fetch the pictures of the clips: `python -m models.training.video.clips.photographs`.

The folder gets `pictures.zip`, which clips are composed of; `looks.zip`, what of it goes with a
model that is trained on them; and `manifest.json` with each file's package, licence and SHA-256.
"""

import argparse
import hashlib
import io
import json
import logging
import struct
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.generation.small.looks.pictures import (
    LONGER_SIDE,
    LookPicture,
    LookPictures,
    cut_out,
    pack,
    resized,
)
from models.training.video.clips.composition import cropped
from models.training.video.clips.drawn_grounds import drawing
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS, KindPicture
from models.training.video.clips.packages import PACKAGES, Read, reader

logger = logging.getLogger(__name__)

GROUND = 512  # pixels of a background's height, as kept
SHIPPED = 2  # looks of a kind that go with a model
SHIPPED_SIDE = 80  # pixels of their longer side
SHIPPED_GROUND = 128  # pixels of a background's side
STRIKE = 109  # size of the bitmaps in Noto's font
TILES = 2  # a pattern is repeated this often in both directions


class PictureSources:
    """Reads pictures from packages, and notes where they come from.

    `manifest` has a line for each picture. A package is fetched when something of it is read.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest: dict[str, dict[str, str]] = {}
        self._folder, self._readers = folder, cache(self._reader)
        self._font: ImageFont.FreeTypeFont | None = None

    def _reader(self, source: str) -> Read:
        return reader(PACKAGES[source], self._folder)

    def data(self, name: str, source: str, member: str) -> bytes:
        """Return the file `member` of a package, noted as `name`."""
        package = PACKAGES[source]
        data = self._readers(source)(member)
        self.manifest[name] = {
            "package": package.name,
            "file": member,
            "licence": package.licence,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        return data

    def thing(self, name: str, picture: KindPicture) -> Image.Image:
        if picture.source == "noto":
            return self._glyph(name, picture.name)
        if picture.source == "stamps":
            return _opened(self.data(name, "stamps", f"{picture.name}.png"))
        suffix = "webp" if picture.source == "fluent" else "png"
        for code in (picture.name, f"{picture.name}-fe0f"):
            try:
                return _opened(self.data(name, picture.source, f"{code}.{suffix}"))
            except KeyError:
                continue  # some codes ask for a variant
        raise KeyError(picture)

    def _glyph(self, name: str, code: str) -> Image.Image:
        data = self.data(name, "noto", "NotoColorEmoji.ttf")
        if self._font is None:
            self._font = ImageFont.truetype(io.BytesIO(data), STRIKE)
        picture = Image.new("RGBA", (STRIKE * 3 // 2, STRIKE * 3 // 2))
        text = "".join(chr(int(part, 16)) for part in code.split("-"))
        ImageDraw.Draw(picture).text((4, 4), text, font=self._font, embedded_color=True)
        return picture

    def ground(self, name: str, source: str, member: str) -> Image.Image:
        if source == "drawn":
            self.manifest[name] = {"package": "", "file": member, "licence": "Apache-2.0"}
            return drawing(member)
        data = self.data(name, source, member)
        return _pattern(data) if member.endswith(".pat") else _opened(data)


def fetch(folder: Path, scale: int = 1) -> LookPictures:
    """Fetch all pictures, keep them `scale` times as large, and return them.

    Raises:
        WeightsError: a package cannot be fetched, or is not the one that is pinned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = PictureSources(folder)
    side = LONGER_SIDE * scale
    things, held_out = {}, {}
    for kind, known in KINDS.items():
        things[kind] = tuple(_look(sources, kind, each, side) for each in known.train)
        held_out[kind] = tuple(_look(sources, kind, each, side) for each in known.held_out)
    grounds, licences = {}, {}
    for name, ground in BACKGROUNDS.items():
        if ground.picture:
            picture = sources.ground(f"grounds/{name}", *ground.picture)
            grounds[name] = _ground(picture, ground.tint, GROUND * scale)
            licences[name] = sources.manifest[f"grounds/{name}"]["licence"]
    made = LookPictures(things, grounds, licences, held_out)
    pack(made, folder / "pictures.zip")
    pack(shipped(made), folder / "looks.zip")
    packages = [
        {"name": each.name, "version": each.version, "licence": each.licence}
        for each in PACKAGES.values()
    ]
    manifest = {"packages": packages, "pictures": sources.manifest}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return made


def shipped(pictures: LookPictures) -> LookPictures:
    """Return what goes with a model: two looks of each kind, and a crop of each background."""
    things = {kind: tuple(map(_small, looks[:SHIPPED])) for kind, looks in pictures.things.items()}
    usual = {name: ground.names[0] for name, ground in BACKGROUNDS.items()}
    grounds = {usual[name]: cropped(pictures, name, SHIPPED_GROUND) for name in BACKGROUNDS}
    licences = {usual[name]: pictures.licences.get(name, "Apache-2.0") for name in BACKGROUNDS}
    return LookPictures(things, grounds, licences)


def _small(look: LookPicture) -> LookPicture:
    share = min(1.0, SHIPPED_SIDE / max(look.pixels.shape))
    small = resized(look.pixels, share)
    # the lowest bit is noise, and a sixth of the file; what is opaque stays opaque
    return replace(look, pixels=np.where(small < 254, small & 254, 255).astype(np.uint8))


def _look(sources: PictureSources, kind: str, picture: KindPicture, side: int) -> LookPicture:
    drawn = sources.thing(f"{kind}/{picture.source}/{picture.name}", picture)
    licence = PACKAGES[picture.source].licence
    return cut_out(drawn, faces=picture.faces, licence=licence, side=side)


def _ground(
    picture: Image.Image, tint: tuple[float, float, float], height: int
) -> NDArray[np.uint8]:
    """Return `picture` at most `height` pixels high, multiplied by `tint`."""
    height = min(height, picture.height)
    size = (round(picture.width * height / picture.height), height)
    small = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    tinted: NDArray[np.uint8] = np.clip(np.rint(small * np.array(tint)), 0, 255).astype(np.uint8)
    return tinted


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _pattern(data: bytes) -> Image.Image:
    """Return a pattern of GIMP, repeated. Its header is big-endian: size, version, shape."""
    header, _, width, height, channels = struct.unpack(">5I", data[:20])
    pixels = np.frombuffer(data, np.uint8, width * height * channels, header)
    return Image.fromarray(np.tile(pixels.reshape(height, width, channels), (TILES, TILES, 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".cache/eyeline/training/pictures"))
    parser.add_argument("--scale", type=int, default=1, help="how much larger they are kept")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    made = fetch(options.folder, options.scale)
    logger.info("%d kinds, %d backgrounds", len(made.things), len(BACKGROUNDS))
    small = (options.folder / "looks.zip").stat().st_size / 1e6
    logger.info("%.2f MB of looks go with a model", small)


if __name__ == "__main__":
    main()
