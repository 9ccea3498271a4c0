"""A server in a thread that answers each offer with a Peer and counts what comes: for real clients.

`GET /` is an empty page for browsers, `POST /` takes an offer.
"""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from media.clock import LiveClock
from media.frames import VideoFrame
from rtc.errors import BadOfferError
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.patience import PATIENCE

PAGE = "<!doctype html><title>An empty page</title>"


@dataclass
class Received:
    """What came from one client: `sizes` counts frames by (width, height)."""

    offer: str
    peer: Peer
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    sounds: int = 0
    latest: tuple[int, int] = (0, 0)
    changed: threading.Condition = field(default_factory=threading.Condition)

    async def read(self) -> None:
        async for item in self.peer.media:
            with self.changed:
                if isinstance(item, VideoFrame):
                    height, width = item.pixels.shape[:2]
                    self.latest = (width, height)
                    self.sizes[self.latest] += 1
                else:
                    self.sounds += 1
                self.changed.notify_all()

    def wait(
        self, *, frames: int = 0, sounds: int = 0, size: tuple[int, int] | None = None
    ) -> None:
        """Wait for that many frames (of `size`, or any) and chunks of sound."""

        def have() -> bool:
            seen = self.sizes.total() if size is None else self.sizes[size]
            return seen >= frames and self.sounds >= sounds

        with self.changed:
            assert self.changed.wait_for(have, PATIENCE), (
                f"{self.sizes}, {self.sounds} sounds, {self.peer.end_reason}"
            )


class PeerServer:
    """The application; `received` has the clients that were answered, in order."""

    def __init__(self, limits: PeerLimits | None = None) -> None:
        self.received: list[Received] = []
        self.url = ""
        self._limits = limits
        self._reading: set[asyncio.Task[None]] = set()
        self.app = Starlette(
            routes=[
                Route("/", self._page, methods=["GET"]),
                Route("/", self._answer, methods=["POST"]),
                Route("/", self._leave, methods=["DELETE"]),
            ]
        )

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def _leave(self, _request: Request) -> Response:
        return Response(status_code=200)

    async def _answer(self, request: Request) -> Response:
        offer = (await request.body()).decode()
        try:
            peer = await Peer.accept(offer, clock=LiveClock(), limits=self._limits)
        except BadOfferError as error:
            return PlainTextResponse(str(error), 400)
        received = Received(offer, peer)
        self.received.append(received)
        task = asyncio.get_running_loop().create_task(received.read())
        self._reading.add(task)
        return PlainTextResponse(
            peer.answer_sdp, 201, {"Location": "/"}, media_type="application/sdp"
        )

    async def close(self) -> None:
        """Close every peer."""
        for received in self.received:
            await received.peer.close()
        for reading in self._reading:
            await reading


@contextmanager
def peer_server(limits: PeerLimits | None = None) -> Iterator[PeerServer]:
    """Serve until the block ends."""
    peers = PeerServer(limits)
    listener = socket.create_server(("127.0.0.1", 0))
    peers.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server = uvicorn.Server(uvicorn.Config(peers.app, log_config=None, lifespan="off"))

    async def serve() -> None:
        await server.serve(sockets=[listener])
        await peers.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="peers")
    thread.start()
    try:
        yield peers
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
