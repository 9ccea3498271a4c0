"""Joins a client's protocol and its session, over any transport.

client -> receive_message -> protocol -> source -> run_session
client -> receive_media -> source -> run_session
run_session -> emit -> protocol -> outgoing -> client

Media do not wait for the protocol, so a client that reads its events slowly still gets its audio
and video into the session. Inputs that follow from outputs (the question of a turn, say) have a
channel of their own, so no stage of the session waits for room in its own source.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any

from media.channel import Channel, ChannelClosedError
from media.clock import Clock
from media.counters import Counters
from media.events import Cancel, Caption, Input, Output, Remembered, Speech
from media.frames import AudioChunk, VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.layout import MEMORY_FOLDER
from media.recording.writer import record
from media.worker import Worker
from models.errors import StoreError
from rtc.network import NetworkState
from web.config import Settings
from web.context import ServiceContext
from web.protocol.messages import ProtocolError
from web.protocol.protocol import RealtimeProtocol
from web.protocol.response_events import OUTPUT_CLEARED
from web.protocol.state import Event, PictureEvent
from web.sessions import SessionRecord
from web.temporary_folder import temporary_folder

logger = logging.getLogger(__name__)

INPUT_QUEUE = 64  # inputs
EVENT_QUEUE = 256  # events; when it is full, the session waits
PICTURE_EVENTS = 4  # of those that may have a generated picture; older ones are dropped
FOLLOW_UP_QUEUE = 64  # inputs that follow from outputs
LONG_MESSAGE = 16_384  # characters from which a message is parsed on a worker: over 1 ms of work
DRAIN_TIMEOUT = 5.0  # seconds for a session to finish after its client has left
CLOSING_TIMEOUT = 0.5  # the same when the service ends

NetworkStats = Callable[[], Awaitable[NetworkState | None]]


class SessionBridge:
    """One client's protocol and the channels around it.

    `clear_speech` is called when speech on a WebRTC track is interrupted.
    """

    def __init__(
        self,
        record: SessionRecord,
        protocol: RealtimeProtocol,
        worker: Worker,
        *,
        clear_speech: Callable[[], object] = lambda: None,
    ) -> None:
        self.record = record
        self.source: Channel[Input] = Channel(INPUT_QUEUE)
        self.outgoing: Channel[Event] = Channel(
            EVENT_QUEUE, max_waiting={PictureEvent: PICTURE_EVENTS}
        )
        self.protocol = protocol
        self._worker = worker
        self._clear_speech = clear_speech
        self._follow_ups: Channel[Input] = Channel(FOLLOW_UP_QUEUE)
        self._clock: Clock | None = None  # None until the session runs
        self._lock = asyncio.Lock()  # one step of the protocol at a time, its events in order

    async def open(self) -> None:
        """Send the first events and inputs of the conversation."""
        async with self._lock:
            inputs = await self._send_events()
        await self._send_inputs(inputs)

    async def receive_message(self, text: str) -> None:
        """Handle a message of the client."""
        async with self._lock:
            now = 0.0 if self._clock is None else self._clock.now()
            if len(text) > LONG_MESSAGE:
                await self._worker.run(self.protocol.receive_message, text, now=now)
            else:
                self.protocol.receive_message(text, now=now)
            inputs = await self._send_events()
        await self._send_inputs(inputs)

    async def receive_media(self, item: AudioChunk | VideoFrame) -> None:
        """Put media from a track into the session."""
        self.protocol.receive_media(item)
        await self.source.send(item)

    async def refuse(self, error: ProtocolError) -> None:
        """Send an error about a message that never reached the protocol."""
        async with self._lock:
            self.protocol.refuse(error)
            await self._send_events()

    async def emit(self, output: Output) -> bool:
        """Handle an output of the session; return whether it is speech to play.

        Answers to questions from outside the conversation go to `SessionRecord.ask`.
        """
        if await self.record.deliver_answer(output):
            return False
        async with self._lock:
            play = isinstance(output, Speech) and self.protocol.expects_speech(output)
            self.protocol.emit(output)
            inputs = await self._send_events()
        for item in inputs:
            await self._follow_ups.send(item)
        if isinstance(output, Caption) and output.final and output.words:
            await self.record.add_caption(output)
        if isinstance(output, Remembered):
            self.record.add_moment(output)
        return play

    async def playback_finished(self) -> None:
        """Handle that the speech on the track was played to its end."""
        async with self._lock:
            self.protocol.playback_finished()
            await self._send_events()

    async def fail(self, message: str) -> None:
        """Send that the session failed."""
        async with self._lock:
            self.protocol.fail(message)
            await self._send_events()

    async def run(
        self,
        context: ServiceContext,
        clock: Clock,
        read: Callable[[], Awaitable[None]],
        send: Callable[[Output], Awaitable[None]],
        *,
        network_stats: NetworkStats,
        limits: Limits,
        return_video: bool = False,
    ) -> None:
        """Run the session while `read` runs, and until the client's input is dealt with.

        `read` passes on what the client sends and returns when it has left. It is cancelled when
        the session is asked to end.

        Raises:
            ExceptionGroup: a stage failed, or `read` did.
        """
        self._clock = clock
        self.record.submit = self.source.send
        self.record.media_time = lambda: self.protocol.state.media_time
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(read), name="read")
            ending = tasks.create_task(self._end_on_request(reading), name="end on request")
            reporting = tasks.create_task(self._send_stats(clock, network_stats), name="stats")
            tasks.create_task(self._send_follow_ups(), name="follow up")
            session = self._session(
                context.settings,
                send,
                services=context.models.services,
                clock=clock,
                limits=limits,
                counters=self.record.counters,
                return_video=return_video,
            )
            await self._drain(session, reading, context.closing)
            ending.cancel()
            reporting.cancel()
            await self._follow_ups.close()

    async def _session(
        self, settings: Settings, send: Callable[[Output], Awaitable[None]], **options: Any
    ) -> None:
        """Run the session; with the setting `recordings`, record its inputs and keep its memory."""
        if settings.recordings is None:
            with scratch_folder(settings.memory_folder) as folder:
                await run_session(self.source, send, memory=folder, **options)
            return
        recorder = Worker("recorder")
        home = settings.recordings / self.record.id
        try:
            async with aclosing(record(self.source, home, recorder, send)) as source:
                memory = home / MEMORY_FOLDER
                await run_session(source, send, memory=memory, durable_memory=True, **options)
        finally:
            recorder.close()

    async def _read(self, read: Callable[[], Awaitable[None]]) -> None:
        """Read until the client leaves, then cancel the answers and end the source."""
        try:
            await read()
        finally:
            self.record.submit = None
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_TIMEOUT):
                    await self.source.send(Cancel())
            await self.source.close()

    async def _end_on_request(self, reading: asyncio.Task[None]) -> None:
        await self.record.end_requested.wait()
        reading.cancel()

    async def _drain(
        self,
        session: Coroutine[None, None, None],
        reading: asyncio.Task[None],
        closing: threading.Event,
    ) -> None:
        """Await `session`, which has a time limit once `reading` is over."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as deadline:

                def set_deadline(_: asyncio.Task[None]) -> None:
                    timeout = CLOSING_TIMEOUT if closing.is_set() else DRAIN_TIMEOUT
                    deadline.reschedule(loop.time() + timeout)

                reading.add_done_callback(set_deadline)
                try:
                    await session
                finally:
                    reading.remove_done_callback(set_deadline)
        except TimeoutError:
            logger.info("session %s was cut off with work left to do", self.record.id)

    async def _send_stats(self, clock: Clock, network_stats: NetworkStats) -> None:
        """Send statistics of the session every second."""
        while True:
            await clock.sleep_until(int(clock.now()) + 1)
            if self.protocol.state.eyeline_events:
                network = await network_stats()
                seconds = round(clock.now(), 3)
                stats = stats_fields(network, self.record.counters, seconds)
                async with self._lock:
                    self.protocol.send_eyeline_event("eyeline.stats", **stats)
                    await self._send_events()

    async def _send_events(self) -> list[Input]:
        """Queue the protocol's events for the client; return its inputs for the session."""
        inputs, events = self.protocol.inputs_to_send(), self.protocol.events_to_send()
        if any(event["type"] == OUTPUT_CLEARED for event in events):
            self._clear_speech()
        for event in events:
            await self.outgoing.send(event)
        return inputs

    async def _send_inputs(self, inputs: list[Input]) -> None:
        for item in inputs:
            await self.source.send(item)

    async def _send_follow_ups(self) -> None:
        async for item in self._follow_ups:
            try:
                await self.source.send(item)
            except ChannelClosedError:
                kind = type(item).__name__
                logger.debug("session %s: dropped a %s, the client left", self.record.id, kind)


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path | None]:
    """A folder in `parent` for a memory that is not kept; None if it cannot be made."""
    with ExitStack() as stack:
        folder = None
        try:
            folder = stack.enter_context(temporary_folder(parent))
        except StoreError as error:
            logger.warning("the memory of a session is limited to RAM: %s", error)
        yield folder


def stats_fields(
    network: NetworkState | None, counters: Counters, seconds: float
) -> dict[str, object]:
    """Return the fields of `eyeline.stats` in seconds, shares and bit/s; None is unknown."""
    return {
        "state": "live",
        "fps_in": network and network.frame_rate_in,
        "fps_out": network and network.frame_rate_out,
        "round_trip": network and network.round_trip,
        "loss": network and network.loss,
        "jitter": network and network.jitter,
        "bitrate_in": network and network.bitrate_in,
        "bitrate_out": network and network.bitrate_out,
        "caption_lag": counters.caption_lag,
        "dropped_frames": counters.dropped_frames,
        "dropped_audio": counters.dropped_audio,
        "seconds": seconds,
    }
