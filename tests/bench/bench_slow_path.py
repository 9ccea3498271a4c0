"""A browser's call over a slow path: does it last, and what are captions and round trips like?

    python -m tests.bench.bench_slow_path --delay 0.3 --seconds 60

Headless Chromium holds a call with a service over a UDP relay that delays every datagram. The
relay is put into the offer and the answer, so that nothing can go around it.
"""

import argparse
import asyncio
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
from playwright.sync_api import Route

from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.service import service

Address = tuple[str, int]
CANDIDATE = "a=candidate:relay 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"


class Side(asyncio.DatagramProtocol):
    """One socket of the relay; sends what it receives from the other, late."""

    def __init__(self, delay: float) -> None:
        self.peer: Address | None = None
        self.other: Side | None = None
        self.count = 0
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.count += 1
        self.peer = addr
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._delay, self.other.send, data)

    def send(self, data: bytes) -> None:
        if self.peer is not None:
            self._transport.sendto(data, self.peer)


@contextmanager
def relay(delay: float) -> Iterator[tuple[Side, Side]]:
    """Yield the sides for the browser and for the service; they run in a thread."""
    loop = asyncio.new_event_loop()

    async def side() -> Side:
        _, made = await loop.create_datagram_endpoint(
            lambda: Side(delay), local_addr=("127.0.0.1", 0)
        )
        return made

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    browser, server = (asyncio.run_coroutine_threadsafe(side(), loop).result() for _ in range(2))
    browser.other, server.other = server, browser
    yield browser, server
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def without_candidates(sdp: str) -> str:
    return re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp)


def through(sdp: str, port: int) -> str:
    """Return `sdp` with the relay's port as its only candidate."""
    line = CANDIDATE.format(port=port)
    first, *media = without_candidates(sdp).removesuffix("\r\n").split("\r\nm=")
    return (
        first + "".join(f"\r\nm={each}\r\n{line}".removesuffix("\r\n") for each in media) + "\r\n"
    )


def answer(route: Route, url: str, sides: tuple[Side, Side]) -> None:
    """Pass on the offer without candidates, and answer with the relay as the only candidate."""
    browser, server = sides
    request = route.request
    offer = without_candidates(request.post_data or "")
    found = httpx.post(
        url + request.url.removeprefix(url),
        content=offer,
        headers={"Content-Type": "application/sdp"},
        timeout=60,
    )
    hosts = re.findall(r"a=candidate:\S+ 1 udp \d+ (127\.0\.0\.1) (\d+) typ host", found.text)
    server.peer = (hosts[0][0], int(hosts[0][1]))
    headers = {"Location": found.headers["location"], "Content-Type": "application/sdp"}
    route.fulfill(status=found.status_code, headers=headers, body=through(found.text, browser.port))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=float, default=0.3, help="seconds each way")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        service() as running,
        relay(options.delay) as sides,
    ):
        devices = Devices(
            camera_file(Path(name)), microphone_file(Path(name), lead=2.0), repeat=True
        )
        with chromium(devices) as browser:
            page, _ = new_page(browser, allowed=True)
            page.route("**/v1/realtime/calls?*", lambda route: answer(route, running.url, sides))
            page.route("**/v1/realtime/calls", lambda route: answer(route, running.url, sides))
            page.goto(running.url)
            page.locator("[data-part=start]:enabled").click()
            page.locator(".eyeline[data-state=live]").wait_for()
            for second in range(0, round(options.seconds), 5):
                page.wait_for_timeout(5_000)
                state = page.locator(".eyeline").get_attribute("data-state")
                (session,) = httpx.get(f"{running.url}/sessions").json()["sessions"]
                print(
                    f"{second + 5:4} s: page {state}, session {session['state']}, "
                    f"{session['frames_in']} frames in, caption lag {session['caption_lag']}, "
                    f"{sides[0].count} datagrams from the browser, {sides[1].count} to it",
                    flush=True,
                )


if __name__ == "__main__":
    main()
