"""Chromium and a peer over a path of 400 kbit/s in each direction: both controllers at work.

    python -m tests.bench.bench_browser_cap [--rate 400] [--seconds 30]

Chromium sends its camera, and gets it back. After a few seconds on a good path, the path becomes
narrow. Printed for each second: what goes into the path in each direction, how long packets take
through it, and how many frames are seen at each end.
"""

import argparse
import asyncio
import socket
import threading
from collections import deque
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from media.clock import LiveClock
from media.frames import VideoFrame
from rtc.aiortc_patches.transceivers import sender_of
from rtc.peer import Peer
from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.rtc.link import Conditions
from tests.rtc.udp_link import UdpLink, udp_link

WARM_UP = 8  # seconds on a good path
DELAY = 0.02  # seconds in each direction
CALL = """async () => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
  const media = await navigator.mediaDevices.getUserMedia(
    {audio: true, video: {width: 640, height: 360, frameRate: 25}});
  for (const track of media.getTracks()) pc.addTrack(track, media);
  await pc.setLocalDescription();
  await new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
    if (pc.iceGatheringState === "complete") done();
  });
  const reply = await fetch("/", {method: "POST", body: pc.localDescription.sdp});
  await pc.setRemoteDescription({type: "answer", sdp: await reply.text()});
}"""
STATS = """async () => {
  const found = {};
  for (const each of (await pc.getStats()).values()) {
    if (each.type === "inbound-rtp" && each.kind === "video") Object.assign(found,
      {decoded: each.framesDecoded, freezes: each.freezeCount, frozen: each.totalFreezesDuration,
       nacks: each.nackCount, plis: each.pliCount, keyframes: each.keyFramesDecoded});
    if (each.type === "candidate-pair" && each.nominated)
      found.available = each.availableOutgoingBitrate;
    if (each.type === "outbound-rtp" && each.kind === "video") found.target = each.targetBitrate;
  }
  return found;
}"""


class Delays:
    """How long packets take through one direction of a link."""

    def __init__(self, link: UdpLink, number: int) -> None:
        self.recent: deque[float] = deque()
        self._sent: dict[bytes, float] = {}
        runner = link._runners[number]
        self._deliver, self._send = runner._deliver, runner.send
        self._now = asyncio.get_running_loop().time
        runner._deliver = self.deliver
        socket = (link._caller, link._callee)[number]
        socket.take = self.send

    def send(self, data: bytes) -> None:
        self._sent[data] = self._now()
        self._send(data)

    def deliver(self, data: bytes) -> None:
        self.recent.append(self._now() - self._sent.pop(data, self._now()))
        self._deliver(data)

    def p95(self) -> float:
        found = sorted(self.recent)
        self.recent.clear()
        return found[int(0.95 * len(found))] if found else 0.0


class Service:
    """Answers one offer over a link, and sends its video back."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.frames = 0
        self.narrow = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.app = Starlette(
            routes=[Route("/", self._page), Route("/", self._answer, methods=["POST"])]
        )

    def target(self) -> float:
        """Return the target of what we send, in kbit/s."""
        return min(o.rate.target for o in self.outlets[0]._outlets.values()) / 1000

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse("<!doctype html><title>An empty page</title>")

    async def _answer(self, request: Request) -> Response:
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        offer = (await request.body()).decode()
        self._tasks.add(asyncio.create_task(self._call(offer, answered)))
        return PlainTextResponse(await answered)

    async def _call(self, offer: str, answered: "asyncio.Future[str]") -> None:
        good = Conditions(delay=DELAY)
        async with udp_link(good, good, seed=1) as link:
            self.link = link
            self.delays = [Delays(link, number) for number in range(2)]
            peer = await Peer.accept(link.towards_callee(offer), clock=LiveClock())
            self.outlets = [sender_of(t)._outlets for t in peer._connection.getTransceivers()]
            answered.set_result(link.towards_caller(peer.answer_sdp))
            async for item in peer.media:
                if isinstance(item, VideoFrame):
                    self.frames += 1
                    peer.show(item)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=float, default=400.0, help="of the path, in kbit/s")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    service, listener = Service(), socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(service.app, log_config=None, lifespan="off"))
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        await server.serve(sockets=[listener])

    threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True).start()
    with TemporaryDirectory() as folder:
        files = camera_file(Path(folder)), microphone_file(Path(folder), lead=1)
        with chromium(Devices(*files, repeat=True)) as browser:
            page, _ = new_page(browser, allowed=True)
            page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/")
            page.evaluate(CALL)
            watch(page, service, loop, options)


def watch(page: Any, service: Service, loop: asyncio.AbstractEventLoop, options: Any) -> None:
    """Print a line each second."""
    narrow = Conditions(delay=DELAY, rate=1000 * options.rate)
    narrowing = partial(service.link.change, up=[(0.0, narrow)], down=[(0.0, narrow)])
    before, decoded, seen = [0, 0], 0, 0
    totals = [[0.0, 0.0], [0.0, 0.0]]
    for second in range(WARM_UP + options.seconds):
        if second == WARM_UP:
            loop.call_soon_threadsafe(narrowing)
        page.wait_for_timeout(1000)
        lines = (service.link.up, service.link.down)
        sent = [line.counters.sent_bytes for line in lines]
        rates = [8 * (now - last) / 1000 for now, last in zip(sent, before, strict=True)]
        late = [1000 * each.p95() for each in service.delays]
        stats = page.evaluate(STATS)
        print(
            f"{second:3d} s  up {rates[0]:6.0f} kbit/s, p95 {late[0]:4.0f} ms,"
            f" {service.frames - seen:2d} frames  down {rates[1]:6.0f} kbit/s, p95 {late[1]:4.0f}"
            f" ms, {stats.get('decoded', 0) - decoded:2d} frames, target {service.target():5.0f}"
            f"  {stats}",
            flush=True,
        )
        if second >= WARM_UP + 2:
            for total, rate in zip(totals, rates, strict=True):
                total[0] += rate
                total[1] += 1
        before, decoded, seen = sent, stats.get("decoded", 0), service.frames
    for name, (rate, count) in zip(("up", "down"), totals, strict=True):
        print(f"{name}: {rate / count / options.rate:.2f} of the path")


if __name__ == "__main__":
    main()
