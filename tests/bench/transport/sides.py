"""The two sides of a run, each in a process of its own: stock aiortc, and a peer of `rtc`.

A side talks to the run through a pipe: descriptions, "connected", "begin" and "end" of what is
measured; its log is its last word.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any, Protocol

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from media.audio.downmix import DownmixState, mono_from_av
from media.clock import LiveClock
from media.frames import AudioChunk, VideoFrame
from media.video import frame_from_av
from tests.bench.transport.logs import HeardSound, Plan, SeenFrame, SideLog
from tests.bench.transport.scene import TimedCamera, TimedMicrophone, speech
from tests.bench.transport.sent_video import keep_packets


class Side(Protocol):
    """One end of the connection."""

    async def offer(self) -> str: ...

    async def answer(self, offer: str) -> str: ...

    async def accept(self, answer: str) -> None: ...

    async def connected(self) -> None: ...

    async def run(self) -> None:
        """Receive until cancelled, and send what does not send itself."""

    async def close(self) -> None: ...


class StockSide:
    """aiortc as it is, as caller or callee."""

    def __init__(self, plan: Plan, log: SideLog, *, caller: bool) -> None:
        self._plan, self._log = plan, log
        self._sends = plan.up == caller
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connected = asyncio.Event()
        self._connection.on("connectionstatechange", self._follow)
        self._connection.on("iceconnectionstatechange", self._follow_ice)
        self._tracks: list[MediaStreamTrack] = []
        self._connection.on("track", self._tracks.append)
        if self._sends:
            for track in tracks(plan, log):
                self._connection.addTrack(track)
        elif caller:
            for kind in ("video", "audio"):
                self._connection.addTransceiver(kind, direction="recvonly")
        self._connection.createDataChannel("oai-events") if caller else None

    async def offer(self) -> str:
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def answer(self, offer: str) -> str:
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        self._keep()
        return self._connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._keep()

    async def connected(self) -> None:
        await self._connected.wait()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for track in self._tracks:
                read = self._watch if track.kind == "video" else self._listen
                tasks.create_task(read(track))
            await asyncio.Event().wait()

    async def close(self) -> None:
        await self._connection.close()

    def _keep(self) -> None:
        if self._sends:
            keep_video_of(self._connection, self._log)

    def _follow(self) -> None:
        self._log.notices.append((time.monotonic(), self._connection.connectionState))
        if self._connection.connectionState == "connected":
            self._connected.set()

    def _follow_ice(self) -> None:
        self._log.notices.append((time.monotonic(), f"ice {self._connection.iceConnectionState}"))

    async def _watch(self, track: MediaStreamTrack) -> None:
        async for frame in frames_of(track):
            assert isinstance(frame, av.VideoFrame)
            shown = frame_from_av(frame, 0, webrtc=True)
            self._log.seen.append(SeenFrame.of(time.monotonic(), shown))

    async def _listen(self, track: MediaStreamTrack) -> None:
        state = DownmixState()
        async for frame in frames_of(track):
            assert isinstance(frame, av.AudioFrame)
            now = time.monotonic()
            state, samples = mono_from_av(state, frame)
            assert frame.pts is not None
            start = int(frame.pts * Fraction(frame.time_base or 0) * frame.sample_rate)
            self._log.heard.append(HeardSound(now, start, frame.sample_rate, samples))


class OurSide:
    """A peer of `rtc`, which only answers."""

    def __init__(self, plan: Plan, log: SideLog) -> None:
        self._plan, self._log = plan, log
        self._peer: Any = None  # rtc.peer.Peer: the other side's process must not import it

    async def offer(self) -> str:
        raise NotImplementedError("a peer answers")

    async def accept(self, answer: str) -> None:
        raise NotImplementedError("a peer answers")

    async def answer(self, offer: str) -> str:
        from rtc.aiortc_patches.connection import transports
        from rtc.peer import Peer

        self._peer = await Peer.accept(offer, clock=LiveClock())
        self._peer.on_silence = self._note_silence
        if not self._plan.up:
            keep_packets(transports(self._peer._connection)[0], self._log.packets)
            self._log.codec = codec_of(self._peer._connection)
        answer: str = self._peer.answer_sdp
        return answer

    async def connected(self) -> None:
        await self._peer.connected.wait()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._note_end())
            if not self._plan.up:
                tasks.create_task(self._show())
            async for item in self._peer.media:
                now = time.monotonic()
                if isinstance(item, VideoFrame) and item.stands_at is not None:
                    self._log.seen.append(SeenFrame(now, stands_in=True))
                elif isinstance(item, VideoFrame):
                    self._log.seen.append(SeenFrame.of(now, item))
                elif isinstance(item, AudioChunk):
                    self._log.heard.append(HeardSound(now, item.start, item.rate, item.samples))
                elif item.media == "audio" and item.concealed:
                    self._log.concealed.append((item.start, item.end))
            await asyncio.Event().wait()

    async def close(self) -> None:
        await self._peer.close()

    def _note_silence(self, silent: bool) -> None:
        self._log.notices.append((time.monotonic(), "silent" if silent else "heard again"))

    async def _note_end(self) -> None:
        await self._peer.closed.wait()
        self._log.notices.append((time.monotonic(), self._peer.end_reason))

    async def _show(self) -> None:
        camera = TimedCamera(self._plan, self._log)
        while not self._peer.closed.is_set():
            frame = await camera.recv()
            assert frame.pts is not None
            self._peer.show(frame_from_av(frame, frame.pts, webrtc=True))


def tracks(plan: Plan, log: SideLog) -> list[MediaStreamTrack]:
    sound = speech(plan.speech, plan.seed).samples
    return [TimedCamera(plan, log), TimedMicrophone(log, sound)]


def codec_of(connection: RTCPeerConnection) -> tuple[str, int]:
    """Return the name and the payload type of the video that `connection` sends."""
    (video,) = [each for each in connection.getTransceivers() if each.kind == "video"]
    codec = video._codecs[0]
    assert codec.payloadType is not None
    return codec.name, codec.payloadType


def keep_video_of(connection: RTCPeerConnection, log: SideLog) -> None:
    """Keep the packets that `connection` sends, once it has agreed on a codec."""
    transport = connection.getTransceivers()[0].sender.transport
    keep_packets(transport, log.packets)
    log.codec = codec_of(connection)


async def frames_of(track: MediaStreamTrack) -> AsyncIterator[object]:
    """Give the frames of `track` until it ends."""
    while True:
        try:
            yield await track.recv()
        except MediaStreamError:
            return


def play(pipe: Connection, plan: Plan, *, caller: bool) -> None:
    """Be one side of a run; the body of a process."""
    asyncio.run(_play(pipe, plan, caller=caller))


async def _play(pipe: Connection, plan: Plan, *, caller: bool) -> None:
    log = SideLog()
    ours = plan.callee == "ours" and not caller
    side: Side = OurSide(plan, log) if ours else StockSide(plan, log, caller=caller)
    try:
        if caller:
            pipe.send(await side.offer())
            await side.accept(await _received(pipe))
        else:
            pipe.send(await side.answer(await _received(pipe)))
        async with _running(side):
            await side.connected()
            pipe.send("connected")
            assert await _received(pipe) == "begin"
            begun = time.process_time()
            assert await _received(pipe) == "end"
            log.cpu = time.process_time() - begun
    finally:
        await side.close()
    pipe.send(log)


async def _received(pipe: Connection) -> str:
    message: str = await asyncio.to_thread(pipe.recv)
    return message


@asynccontextmanager
async def _running(side: Side) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(side.run())
        yield
        running.cancel()
