"""Serves files without the service: the page's modules, for tests of these alone, or others."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.paths import SAMPLE


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: pytest shows what failed."""


@contextmanager
def static_files(folder: Path = SAMPLE.parent) -> Iterator[str]:
    """Serve `folder`, which is that of the sample page; yield the address of its page."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
