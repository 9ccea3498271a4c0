"""A client of the service's calls: aiortc with a microphone and a camera that tests can predict."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

from media.audio.pcm import samples_to_av
from tests.patience import PATIENCE
from tests.web.openai_sdk import check
from tests.web.served import Served

RATE = 48_000
PACKET = 960  # samples: 20 ms


class Sound(MediaStreamTrack):
    """Half a second of silence, then `seconds` of a tone, then silence."""

    kind = "audio"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._sent = 0
        self._spoken = (round(0.5 * RATE), round((0.5 + seconds) * RATE))
        self._started = 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._started = self._started or loop.time()
        await asyncio.sleep(self._started + self._sent / RATE - loop.time())
        place = np.arange(self._sent, self._sent + PACKET)
        first, last = self._spoken
        loud = (place >= first) & (place < last)
        samples = np.where(loud, 0.3 * np.sin(2 * np.pi * 220 * place / RATE), 0)
        frame = samples_to_av(samples.astype(np.float32), RATE, self._sent)
        self._sent += PACKET
        return frame


class Picture(MediaStreamTrack):
    """Gray frames, 10 per second."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self._started = 0.0

    async def recv(self) -> av.VideoFrame:
        loop = asyncio.get_running_loop()
        self._started = self._started or loop.time()
        await asyncio.sleep(self._started + self._sent / 10 - loop.time())
        pixels = np.full((180, 320, 3), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = self._sent * 9000, Fraction(1, 90_000)
        self._sent += 1
        return frame


@dataclass(eq=False)
class Caller:
    """A peer connection with a data channel; keeps the events and tracks that it receives."""

    connection: RTCPeerConnection
    location: str = ""
    tag: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _channel: Any = None

    def listen(self) -> None:
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("open", self.opened.set)
        self._channel.on("close", self.closed.set)
        self._channel.on("message", self._receive)
        self.connection.on("track", lambda track: self.tracks.__setitem__(track.kind, track))

    async def _receive(self, text: str) -> None:
        async with self._came:
            self.events.append(json.loads(text))
            self._came.notify_all()

    @property
    def last(self) -> str:
        """The id of the last event."""
        id: str = self.events[-1]["event_id"]
        return id

    def send(self, type: str, **fields: Any) -> None:
        self._channel.send(json.dumps({"type": type, **fields}))

    async def until(self, type: str, **fields: Any) -> dict[str, Any]:
        """Return the last event of `type` with these fields, once there is one."""

        def found() -> list[dict[str, Any]]:
            wanted = {"type": type, **fields}
            return [each for each in self.events if each.items() >= wanted.items()]

        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(found)
        return found()[-1]


async def offer_of(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createOffer())
    return connection.localDescription.sdp


@asynccontextmanager
async def calling(
    service: Served,
    *tracks: MediaStreamTrack,
    path: str = "/v1/realtime/calls",
    key: str = "any",
) -> AsyncIterator[Caller]:
    """Make a call that sends `tracks`, and end it with the block."""
    caller = Caller(RTCPeerConnection())
    try:
        caller.listen()
        for track in tracks:
            caller.connection.addTrack(track)
        async with httpx.AsyncClient(base_url=service.http) as web:
            sdp = await offer_of(caller.connection)
            headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {key}"}
            answer = await web.post(path, content=sdp, headers=headers)
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"] == "application/sdp"
        caller.location, caller.tag = answer.headers["location"], answer.headers["etag"]
        description = RTCSessionDescription(answer.text, "answer")
        await caller.connection.setRemoteDescription(description)
        async with asyncio.timeout(PATIENCE):
            await caller.opened.wait()
        yield caller
        check(caller.events)
    finally:
        await caller.connection.close()


async def alive(service: Served) -> int:
    async with httpx.AsyncClient(base_url=service.http) as web:
        count: int = (await web.get("/health")).json()["sessions"]["live"]
    return count


async def no_session_left(service: Served) -> None:
    """Poll the service until no session is live."""
    async with asyncio.timeout(PATIENCE):
        while await alive(service):
            pass
