"""Calls by GStreamer and Firefox, which the tests do not install: what each sends is received.

By hand: install `firefox-esr` and what tests/bench/gstreamer_peer.py names, then

    python -m tests.bench.bench_peers [--offers FOLDER]

Prints a row for each call: the client, what it offers, and the frames and chunks of sound that came
in five seconds. `--offers` writes the offers to FOLDER, as those in tests/data/sdp. Chromium and
FFmpeg are in the tests: tests/browser/test_offers.py, tests/web/signaling/test_ffmpeg.py.
"""

import argparse
import json
import queue
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.test_offers import CALL, LAYERS
from tests.patience import PATIENCE
from tests.rtc.peer_server import PeerServer, peer_server

GSTREAMER = Path(__file__).with_name("gstreamer_peer.py")
FIREFOX = {  # what each call offers
    "plain": {"channel": "last"},
    "rsa": {"rsa": True},
    "max-bundle": {"bundle": "max-bundle", "channel": "first"},
    "max-compat": {"bundle": "max-compat"},
    "vp9": {"codec": "video/VP9"},
    "av1": {"codec": "video/AV1"},
    "simulcast": {"encodings": LAYERS, "codec": "video/VP8"},
}
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}
SECONDS = 5


def page(options: object) -> str:
    """Return a page that calls with `options` and tells how it went."""
    return f"""<!doctype html><script>
      const call = {CALL};
      call({json.dumps(options)})
        .then((result) => new Promise((done) => setTimeout(() => done(result), {SECONDS * 1000})))
        .catch((error) => ({{error: String(error)}}))
        .then((result) => fetch("/result", {{method: "POST", body: JSON.stringify(result)}}));
    </script>"""


@contextmanager
def firefox(url: str) -> Iterator[None]:
    """Open `url` in a Firefox without a window until the block ends."""
    with tempfile.TemporaryDirectory() as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        Path(profile, "user.js").write_text("\n".join(lines), encoding="utf-8")
        program = ["firefox-esr", "--headless", "--no-remote", "--profile", profile, url]
        browser = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            browser.terminate()
            browser.wait(PATIENCE)


def report(client: str, name: str, server: PeerServer, outcome: str, folder: Path | None) -> None:
    """Print a row for the latest call, and keep its offer."""
    if not server.received:
        print(f"| {client} | {name} | nothing came: {outcome} |", flush=True)
        return
    received = server.received[-1]
    sizes = ", ".join(f"{count} of {w}x{h}" for (w, h), count in received.sizes.items())
    refused = "; ".join(received.peer.refusals)
    print(
        f"| {client} | {name} | frames: {sizes or 0}; sounds: {received.sounds} | {refused} |"
        f" {outcome} |",
        flush=True,
    )
    if folder is not None:
        text = received.offer.replace("\r", "")
        (folder / f"{client}_{name}.sdp").write_text(text, encoding="utf-8")


def call_by_firefox(name: str, folder: Path | None) -> None:
    results: queue.Queue[str] = queue.Queue()

    async def show(_request: Request) -> Response:
        return HTMLResponse(page(FIREFOX[name]))

    async def take(request: Request) -> Response:
        results.put((await request.body()).decode())
        return Response()

    with peer_server() as server:
        server.app.router.routes += [
            Route("/call", show),
            Route("/result", take, methods=["POST"]),
        ]
        with firefox(f"{server.url}call"):
            result = json.loads(results.get(timeout=PATIENCE))
        report("firefox", name, server, result.get("error") or "connected", folder)


def call_by_gstreamer(codec: str, folder: Path | None) -> None:
    with peer_server() as server:
        program = ["/usr/bin/python3", str(GSTREAMER), server.url, codec]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        report("gstreamer", codec, server, done.stdout.replace("\n", " ") + done.stderr, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--offers", type=Path)
    folder = parser.parse_args().offers
    for codec in ("vp8", "h264", "vp9"):
        call_by_gstreamer(codec, folder)
    for name in FIREFOX:
        call_by_firefox(name, folder)


if __name__ == "__main__":
    main()
