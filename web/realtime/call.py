"""One WebRTC call: joins a peer's tracks and data channel to a session."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from media.channel import ChannelClosedError
from media.clock import Clock
from media.events import Degraded, Output, Speech
from media.frames import VideoFrame
from rtc.errors import MessageError, PeerClosedError
from rtc.messages import MessageLimits
from rtc.network import NetworkState
from rtc.peer import Peer
from web.context import ServiceContext
from web.errors import failure_message
from web.protocol.protocol import RealtimeProtocol
from web.realtime.bridge import SessionBridge
from web.realtime.steering import CallSteering, steering_rule
from web.sessions import SessionRecord

logger = logging.getLogger(__name__)


class Call:
    """The session of one peer; `patch` is the session that came with the offer.

    Raises:
        ProtocolError: `patch` is not a valid change of a session.
    """

    def __init__(
        self,
        context: ServiceContext,
        record: SessionRecord,
        peer: Peer,
        clock: Clock,
        *,
        patch: Mapping[str, Any],
        model: str | None,
        eyeline_events: bool,
    ) -> None:
        capabilities = context.capabilities
        publisher = record.kind == "whip"  # which neither hears answers nor reads them
        if publisher or not peer.receives_audio:
            capabilities = replace(capabilities, voices=())
        protocol = RealtimeProtocol(
            record.id,
            capabilities,
            model=model,
            patch=patch,
            eyeline_events=eyeline_events,
            on_track=True,
            answers=not publisher,
        )
        peer.media.on_drop = record.counters.audio_dropped
        self._context = context
        self._record = record
        self._peer = peer
        self._clock = clock
        self._tasks = asyncio.TaskGroup()
        self._bridge = SessionBridge(
            record,
            protocol,
            context.message_worker,
            context.models.services.images,
            clear_speech=peer.clear,
        )
        rule = steering_rule(
            context.settings, returns_video=peer.receives_video, publisher=publisher
        )
        self._steering = CallSteering(rule, clock, context.message_worker, self._bridge.report)

    async def run(self) -> None:
        """Run the call until the peer leaves or the session is asked to end."""
        try:
            async with self._tasks as tasks:
                tasks.create_task(self._write(), name="write")
                await self._bridge.open()
                for refusal in self._peer.refusals:
                    await self._bridge.emit(Degraded(f"{refusal}; the rest of the offer is used"))
                failure = await failure_message(self._run(), f"session {self._record.id}")
                if failure is not None:
                    await self._bridge.fail(failure)
                self._peer.clear()  # ends the tasks that wait for its speech
                await self._bridge.outgoing.close()
        finally:
            await self._peer.close()
            await self._context.sessions.end(self._record)
            self._record.end_reason = self._record.end_reason or self._peer.end_reason
            seconds, reason = self._clock.now(), self._record.end_reason
            logger.info("session %s ended after %.1f s: %s", self._record.id, seconds, reason)

    async def _run(self) -> None:
        await self._bridge.run(
            self._context,
            self._clock,
            self._read,
            self._send,
            network_stats=self._network_stats,
            limits=self._context.models.limits,
            return_video=self._peer.receives_video,
        )

    async def _network_stats(self) -> NetworkState:
        """Return the state of the network, by which the client is steered."""
        network = await self._peer.stats()
        if self._context.settings.steering:
            await self._steering.measured(network)
        return network

    async def _read(self) -> None:
        """Pass on media and messages of the peer until it leaves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_media(), name="read media")
            tasks.create_task(self._read_messages(), name="read messages")

    async def _read_media(self) -> None:
        async for item in self._peer.media:
            if isinstance(item, VideoFrame):
                self._steering.size = (item.pixels.shape[1], item.pixels.shape[0])
            await self._bridge.receive_media(item)

    async def _read_messages(self) -> None:
        async for text in self._peer.messages:
            await self._bridge.receive_message(text)

    async def _send(self, output: Output) -> None:
        """Send an output of the session: frames and speech on tracks, the rest as events."""
        clear_count = self._peer.clear_count  # speech that is cleared from here on is not played
        try:
            if isinstance(output, VideoFrame):
                self._peer.show(output)
                return
            if await self._bridge.emit(output) and isinstance(output, Speech):
                await self._play(output, clear_count)
            if self._context.settings.steering:
                await self._steering.note(output)
        except PeerClosedError:
            logger.debug("session %s: media came after the peer left", self._record.id)

    async def _play(self, speech: Speech, clear_count: int) -> None:
        if speech.chunk is not None:
            await self._peer.play(speech.chunk, clear_count=clear_count)
        else:
            report = self._report_playback(speech.id, clear_count)
            self._tasks.create_task(report, name="report playback")

    async def _report_playback(self, question_id: str, clear_count: int) -> None:
        """Send that the utterance was played, once it was."""
        if await self._peer.wait_played(clear_count=clear_count):
            with suppress(ChannelClosedError):  # the session has ended meanwhile
                await self._bridge.playback_finished(question_id)

    async def _write(self) -> None:
        """Send events over the data channel."""
        connected = self._peer.receives_messages
        async for event in self._bridge.outgoing:
            if not connected:
                continue
            text = await self._bridge.text_of(event)
            if len(text) > MessageLimits().size:  # ASCII: bytes are characters
                logger.warning(
                    "session %s: dropped a %s of %d bytes, too large for the data channel",
                    self._record.id,
                    event["type"],
                    len(text),
                )
                continue
            try:
                await self._peer.messages.send(text)
            except (MessageError, PeerClosedError) as error:
                logger.info("session %s: the client takes no messages: %s", self._record.id, error)
                connected = False
                self._record.request_end(f"the client takes no messages: {error}")
