"""A small model hub on this machine: the two requests of a real one, and its faults on demand."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from models.weights.hub_http import Hub

LARGE = 1000  # bytes from which a file counts as stored apart, by its SHA-256


@dataclass
class ReceivedRequest:
    path: str
    range: str | None
    token: str | None


@dataclass
class SmallHub:
    """Repositories by name, each a map of file names to bytes, and what shall go wrong.

    `cuts` are the numbers of bytes after which the next answers with a large file break off.
    """

    repositories: dict[str, dict[str, bytes]]
    port: int = 0
    revisions: tuple[str, ...] = ("main",)
    licence: dict[str, str] = field(default_factory=lambda: {"license": "apache-2.0"})
    token: str | None = None
    gated: bool = False
    cuts: list[int] = field(default_factory=list)
    swapped: dict[str, bytes] = field(default_factory=dict)  # served instead of the real bytes
    ranges: bool = True
    status: int | None = None  # answer everything with it
    received: list[ReceivedRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub(self) -> Hub:
        return Hub(url=self.url, token=self.token)

    def commit(self, repository: str) -> str:
        listing = sorted(self.repositories[repository].items())
        return hashlib.sha1(repr(listing).encode(), usedforsecurity=False).hexdigest()

    def listing(self, repository: str) -> dict[str, Any]:
        return {
            "id": repository,
            "modelId": repository,
            "sha": self.commit(repository),
            "private": False,
            "gated": "auto" if self.gated else False,
            "tags": [],
            "downloads": 0,
            "cardData": dict(self.licence),
            "siblings": [
                sibling(name, data) for name, data in self.repositories[repository].items()
            ],
        }


def sibling(name: str, data: bytes) -> dict[str, Any]:
    """Return how a hub lists a file when asked with `blobs=true`."""
    pointer = data
    entry: dict[str, Any] = {"rfilename": name, "size": len(data)}
    if len(data) >= LARGE:
        digest = hashlib.sha256(data).hexdigest()
        pointer = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
        ).encode()
        entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": len(pointer)}
    blob = b"blob %d\0" % len(pointer) + pointer
    entry["blobId"] = hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    return entry


class HubHandler(BaseHTTPRequestHandler):
    hub: SmallHub

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, token = unquote(parts.path), self.headers.get("Authorization")
        self.hub.received.append(ReceivedRequest(parts.path, self.headers.get("Range"), token))
        if self.hub.status is not None:
            self._error(self.hub.status)
        elif listed := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._listing(listed[1], listed[2], "blobs=true" in parts.query)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/\w{40}/(.+)", path):
            self._file(found[1], found[2], token)
        elif stored := re.fullmatch(r"/stored/([^/]+/[^/]+)/(.+)", path):
            self._bytes(stored[1], stored[2])
        else:
            self._error(404, "EntryNotFound")

    def _listing(self, repository: str, revision: str, blobs: bool) -> None:
        assert blobs, "without them a hub reports neither size nor hash"
        if repository not in self.hub.repositories:
            self._error(401, "RepoNotFound")  # as the real one does without a token
        elif revision not in (*self.hub.revisions, self.hub.commit(repository)):
            self._error(404, "RevisionNotFound")
        else:
            self._send(json.dumps(self.hub.listing(repository)).encode())

    def _file(self, repository: str, name: str, token: str | None) -> None:
        if self.hub.gated:
            self._error(403, "GatedRepo")
            return
        if self.hub.token is not None and token != f"Bearer {self.hub.token}":
            self._error(401)
            return
        if len(self.hub.repositories[repository][name]) < LARGE:
            self._bytes(repository, name)
            return
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.hub.port}/stored/{repository}/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _bytes(self, repository: str, name: str) -> None:
        data = self.hub.swapped.get(name, self.hub.repositories[repository][name])
        received = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(received[1]) if received and self.hub.ranges else 0
        if received and self.hub.ranges and start >= len(data):
            self._error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut = self.hub.cuts.pop(0) if self.hub.cuts and len(data) >= LARGE else len(data)
        self.wfile.write(data[start : start + cut])

    def _send(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hub_served(repositories: dict[str, dict[str, bytes]]) -> Iterator[SmallHub]:
    """Serve until the block ends; large files come from another host name, as from a CDN."""
    hub = SmallHub(repositories)

    class Bound(HubHandler):
        pass

    Bound.hub = hub
    with ThreadingHTTPServer(("127.0.0.1", 0), Bound) as server:
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
