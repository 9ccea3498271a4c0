"""One WebRTC call: joins a peer's tracks and data channel to a session."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from media.channel import Channel, ChannelClosedError
from media.clock import Clock
from media.events import Output, Speech
from media.frames import VideoFrame
from rtc.errors import MessageError, PeerClosedError
from rtc.messages import MessageLimits
from rtc.peer import Peer
from web.context import ServiceContext
from web.errors import failure_message
from web.protocol import protocol as conversation
from web.realtime.bridge import SessionBridge
from web.sessions import SessionRecord

logger = logging.getLogger(__name__)

CLAUSES = 16  # pieces of speech that wait for the track
LISTENING = 0.02  # seconds between two looks at how much of the speech was heard


class Call:
    """The session of one peer, from its answer until either side leaves.

    Raises:
        ProtocolError: `wish` is not a session that can be had.
    """

    def __init__(
        self,
        context: ServiceContext,
        live: SessionRecord,
        peer: Peer,
        clock: Clock,
        *,
        wish: Mapping[str, Any],
        model: str | None,
        own_events: bool,
    ) -> None:
        local = context.capabilities
        if not peer.receives_audio:
            local = replace(local, voices=())  # speech would go nowhere
        own = wish.get("eyeline")
        opening = conversation.begin(
            live.id,
            local,
            model=model,
            wish={name: value for name, value in wish.items() if name != "eyeline"},
            own_events=own_events or (isinstance(own, dict) and own.get("events") is True),
            on_track=True,
        )
        self._context = context
        self._live = live
        self._peer = peer
        self._clock = clock
        self._link = SessionBridge(live, opening, context.models.services.vad_worker)
        self._track = Track(peer, clock, self._link)

    async def hold(self) -> None:
        """Live until the peer leaves or the session is asked to; nothing runs afterwards."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(), name="write")
                speaking = tasks.create_task(self._track.run(), name="speak")
                await self._link.open()
                failure = await failure_message(self._run(), f"session {self._live.id}")
                if failure is not None:
                    await self._link.fail(failure)
                await self._link.outgoing.close()
                speaking.cancel()
        finally:
            await self._peer.close()
            await self._context.sessions.end(self._live)
            seconds = self._clock.now()
            logger.info(
                "session %s ended after %.1f s: %s", self._live.id, seconds, self._peer.end_reason
            )

    async def _run(self) -> None:
        await self._link.run(
            self._context,
            self._clock,
            self._read,
            self._send,
            measure=self._peer.stats,
            limits=self._context.models.limits,
            return_video=self._peer.receives_video,
        )

    async def _read(self) -> None:
        """Feed the link with what the peer sends, until it leaves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_media(), name="read media")
            tasks.create_task(self._read_messages(), name="read messages")

    async def _read_media(self) -> None:
        async for item in self._peer.media:
            await self._link.hear(item)

    async def _read_messages(self) -> None:
        async for text in self._peer.messages:
            await self._link.receive(text)

    async def _send(self, output: Output) -> None:
        if isinstance(output, VideoFrame):
            self._show(output)
        elif await self._link.emit(output) and isinstance(output, Speech):
            await self._track.say(output)

    def _show(self, frame: VideoFrame) -> None:
        try:
            self._peer.show(frame)
        except PeerClosedError:
            logger.debug("session %s: a picture came after the peer left", self._live.id)

    async def _write(self) -> None:
        """Send what is said over the data channel; hush the track where the client is told so."""
        reachable = self._peer.receives_messages
        async for event in self._link.outgoing:
            if event["type"] == "output_audio_buffer.cleared":
                self._track.hush()
            if not reachable:
                continue
            text = json.dumps(event)
            if len(text) > MessageLimits().size:  # ASCII: bytes are characters
                logger.warning(
                    "session %s: left out a %s of %d bytes", self._live.id, event["type"], len(text)
                )
                continue
            try:
                await self._peer.send_message(text)
            except (MessageError, PeerClosedError) as error:
                logger.info("session %s: the client takes no messages: %s", self._live.id, error)
                reachable = False
                self._live.end_requested.set()


class Track:
    """Says a session's speech on the peer's track, in order, until it is told to hush.

    Each piece carries the number of the hush before it, so that what waits when a hush comes
    is never said.
    """

    def __init__(self, peer: Peer, clock: Clock, link: SessionBridge) -> None:
        self._peer = peer
        self._clock = clock
        self._link = link
        self._pieces: Channel[tuple[int, Speech]] = Channel(CLAUSES)
        self._hushes = 0

    async def say(self, speech: Speech) -> None:
        """Say `speech` after what waits; waits while much does."""
        try:
            await self._pieces.send((self._hushes, speech))
        except ChannelClosedError:
            logger.debug("speech came after the peer left")

    def hush(self) -> None:
        """Stop speaking, at once."""
        self._hushes += 1
        self._peer.clear()

    async def run(self) -> None:
        """Speak until the peer leaves."""
        length = 0.0
        try:
            async for hushes, speech in self._pieces:
                if hushes != self._hushes:
                    continue
                if speech.chunk is None:
                    await self._heard(hushes, length)
                    continue
                await self._peer.play(speech.chunk)
                length = speech.chunk.end / speech.chunk.rate
                if hushes != self._hushes:
                    self._peer.clear()  # it was hushed while it waited for room
        except PeerClosedError:
            await self._pieces.close()

    async def _heard(self, hushes: int, length: float) -> None:
        """Wait until `length` seconds of the utterance were played, and say so."""
        while hushes == self._hushes and not self._peer.closed.is_set():
            left = length - self._peer.played_ms / 1000
            if left <= 0:
                await self._link.played()
                return
            await self._clock.sleep_until(self._clock.now() + max(left, LISTENING))
