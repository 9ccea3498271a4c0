"""A client in the same process: stock aiortc over real sockets, playing a real clip.

`connected` puts client and peer in one block, checks that no task is left after it, and gives
both sides to the test.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCDtlsTransport,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from media.audio.pcm import samples_to_av
from media.audio.resampling import Samples
from media.clock import LiveClock
from media.frames import AudioChunk, Gap, VideoFrame
from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.media.audio.frames import samples_from_av
from tests.paths import SAMPLE
from tests.patience import PATIENCE

CLIP = SAMPLE
RATE = 48_000
PACKET = 960  # samples: 20 ms


@lru_cache(maxsize=1)
def clip() -> tuple[list[av.VideoFrame], Samples]:
    """Return two seconds of the clip's video frames, and its speech at 48 kHz."""
    with av.open(str(CLIP)) as container:
        pictures = list(itertools.islice(container.decode(video=0), 50))
    with av.open(str(CLIP)) as container:
        sound = [
            samples_from_av(frame) for frame in itertools.islice(container.decode(audio=0), 200)
        ]
    return pictures, np.concatenate(sound)


class PacedTrack(MediaStreamTrack):
    """Sends frames in real time, in a loop."""

    def __init__(self, frames: Sequence[av.VideoFrame] | Sequence[av.AudioFrame], period: Fraction):
        super().__init__()
        self.sent = 0
        self._progress = asyncio.Condition()
        self._frames = frames
        self._period = period
        self._started: float | None = None

    async def recv(self) -> av.VideoFrame | av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self._started = self._started or loop.time()
        await asyncio.sleep(self._started + float(self.sent * self._period) - loop.time())
        frame = self._frames[self.sent % len(self._frames)]
        frame.time_base = Fraction(1, 90_000 if self.kind == "video" else RATE)
        frame.pts = int(self.sent * self._period / frame.time_base)
        self.sent += 1
        async with self._progress:
            self._progress.notify_all()
        return frame

    async def has_sent(self, count: int) -> None:
        """Wait until `count` frames have been taken."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.sent >= count)


class Camera(PacedTrack):
    kind = "video"

    def __init__(self, rate: int = 25, size: tuple[int, int] = (320, 180)) -> None:
        frames = [frame.reformat(*size) for frame in clip()[0]]
        super().__init__(frames, Fraction(1, rate))


class Microphone(PacedTrack):
    kind = "audio"

    def __init__(self) -> None:
        speech = clip()[1]
        parts = np.split(speech, range(PACKET, len(speech) - PACKET, PACKET))[:-1]
        super().__init__([samples_to_av(part, RATE, 0) for part in parts], Fraction(PACKET, RATE))


class Mailbox:
    """Holds messages from a data channel's callback until they are awaited."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self._arrived = asyncio.Event()

    def put(self, text: str) -> None:
        self._texts.append(text)
        self._arrived.set()

    async def get(self) -> str:
        while not self._texts:
            self._arrived.clear()
            await self._arrived.wait()
        return self._texts.popleft()


@dataclass
class Client:
    """The client's side of a connection, with its received messages."""

    connection: RTCPeerConnection
    channel: RTCDataChannel | None
    messages: Mailbox = field(default_factory=Mailbox)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def frames(self, kind: str) -> AsyncIterator[av.VideoFrame | av.AudioFrame]:
        """Give the frames of the incoming track of `kind`, without end."""
        (track,) = [t.receiver.track for t in self.connection.getTransceivers() if t.kind == kind]
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            yield frame

    @property
    def transport(self) -> RTCDtlsTransport:
        return transports(self.connection)[0]

    def drop_transport(self) -> None:
        """Go away without a word: nothing is sent or received any more."""
        cut_off(self.connection)


def cut_off(connection: RTCPeerConnection) -> Callable[[], None]:
    """Cut the network of `connection` off; return what mends it."""
    protocols = [
        protocol
        for transport in transports(connection)
        for protocol in ice_connection(transport.transport)._protocols
    ]

    async def send_nothing(*_: object) -> None:
        pass

    for protocol in protocols:
        protocol.send_data = send_nothing  # type: ignore[method-assign, assignment]
        protocol.send_stun = lambda *_: None  # type: ignore[method-assign]
        protocol.datagram_received = lambda *_: None  # type: ignore[method-assign]

    def mend() -> None:
        for protocol in protocols:
            del protocol.send_data, protocol.send_stun, protocol.datagram_received

    return mend


def create_client(
    *tracks: MediaStreamTrack, listens: Sequence[str] = (), label: str | None = None
) -> Client:
    """Return a client that sends `tracks`, only receives the kinds in `listens`, and opens a data
    channel if it has a `label`."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in tracks:
        connection.addTrack(track)
    for kind in listens:
        connection.addTransceiver(kind, direction="recvonly")
    client = Client(connection, connection.createDataChannel(label) if label else None)
    if client.channel is not None:
        client.channel.on("message", client.messages.put)
        client.channel.on("open", client.opened.set)
    return client


async def create_offer(client: Client) -> str:
    await client.connection.setLocalDescription(await client.connection.createOffer())
    return client.connection.localDescription.sdp


@asynccontextmanager
async def connected(
    client: Client, limits: PeerLimits | None = None, *, offer: str | None = None
) -> AsyncIterator[Peer]:
    """Connect `client` to a new peer; afterwards close both, and check that no task is left."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE):
        peer = await Peer.accept(
            offer or await create_offer(client), clock=LiveClock(), limits=limits
        )
        answer = RTCSessionDescription(peer.answer_sdp, "answer")
        await client.connection.setRemoteDescription(answer)
        try:
            await peer.connected.wait()
            yield peer
        finally:
            await peer.close()
            await client.connection.close()
        await assert_no_tasks_left(before)


async def assert_no_tasks_left(before: set[asyncio.Task[None]]) -> None:
    """Check that no task started since `before` is left, after waiting for them to end."""
    left = asyncio.all_tasks() - before
    if left:
        _, left = await asyncio.wait(left, timeout=2)
    assert not left


async def collect(
    peer: Peer, *, pictures: int = 0, sounds: int = 0
) -> list[VideoFrame | AudioChunk]:
    """Return the peer's media until that many video frames and audio chunks have arrived.

    Substitutes, which a busy machine may need, are left out.
    """
    items: list[VideoFrame | AudioChunk] = []
    async for item in peer.media:
        if isinstance(item, Gap) or (isinstance(item, VideoFrame) and item.stands_at is not None):
            continue
        items.append(item)
        seen = sum(isinstance(item, VideoFrame) for item in items)
        if seen >= pictures and len(items) - seen >= sounds:
            break
    return items


def offer_only(client: Client, kind: str, codec: str) -> None:
    """Let `client` offer only this codec of `kind`."""
    for transceiver in client.connection.getTransceivers():
        if transceiver.kind == kind:
            capabilities = transceiver.receiver.getCapabilities(kind)
            assert capabilities is not None
            chosen = [c for c in capabilities.codecs if c.mimeType.lower() == codec.lower()]
            assert chosen
            transceiver.setCodecPreferences(chosen)


def tone(hz: float, seconds: float, rate: int) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def pitch(samples: Samples, rate: int) -> float:
    """Return the strongest frequency in `samples`, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))
