"""Serves the page's modules without the service, for tests of the modules alone."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.paths import SAMPLE


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: pytest shows what failed."""


@contextmanager
def static_files() -> Iterator[str]:
    """Serve the folder of the sample page; yield the address of that page."""
    handler = functools.partial(QuietHandler, directory=str(SAMPLE.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
