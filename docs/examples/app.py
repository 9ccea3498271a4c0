"""The server of an app: it has the key of eyeline, and gives each visitor a secret.

The page beside it, index.html, comes from another site than eyeline, which must allow that:

    export EYELINE_API_KEY=$(openssl rand -hex 32)
    EYELINE_ORIGINS=http://localhost:8000 ./eyeline serve &
    python3 docs/examples/app.py 8000 http://localhost:7860

A client secret opens sessions for ten minutes and reaches these alone. Give it to users that you
know: `do_POST` is the place to look at who asks.
"""

import json
import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen


class App(SimpleHTTPRequestHandler):
    """Serves the page, and client secrets."""

    service: str

    def do_POST(self) -> None:
        key, kind = os.environ["EYELINE_API_KEY"], "application/json"
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        wanted = Request(f"{self.service}/v1/realtime/client_secrets", b"{}", headers)
        with urlopen(wanted) as answer:
            secret = json.load(answer)["value"]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(json.dumps({"service": self.service, "secret": secret}).encode())


def server(port: int, service: str) -> ThreadingHTTPServer:
    """Return the server of the app, on `port`; pages reach eyeline at the URL `service`."""
    App.service = service
    folder = str(Path(__file__).parent)
    return ThreadingHTTPServer(("127.0.0.1", port), partial(App, directory=folder))


if __name__ == "__main__":
    with server(int(sys.argv[1]), sys.argv[2]) as app:
        app.serve_forever()
