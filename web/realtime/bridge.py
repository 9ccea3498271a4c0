"""Joins a client's protocol and its session, over any transport.

client -> receive_message -> protocol -> source -> run_session
client -> receive_media -> source -> run_session
run_session -> emit -> protocol -> outgoing -> client

Media do not wait for the protocol, so a client that reads its events slowly still gets its audio
and video into the session; the inputs of its messages go in before their events are queued. Inputs
that follow from outputs have a channel of their own, so no stage waits for room in its own source.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial

from media.channel import Channel, ChannelClosedError
from media.clock import Clock
from media.events.answers import Cancel, Speech
from media.events.hearing import AudioPaused
from media.events.session import Input, Output
from media.frames import AudioChunk, Gap, VideoFrame
from media.images.decoder import ImageDecoder
from media.pipeline.carried import CarriedState
from media.pipeline.limits import Limits
from media.worker import Worker
from web.context import ServiceContext
from web.protocol.client_events.messages import ProtocolError
from web.protocol.client_events.turn_detection import longest_silence
from web.protocol.protocol import RealtimeProtocol
from web.protocol.response.events import OUTPUT_CLEARED
from web.protocol.resumption import cut_off
from web.protocol.state import Event, PictureEvent
from web.realtime.audio_watch import TICK, AudioWatch, audio_seconds
from web.realtime.lines.media_order import MediaOrder, onward
from web.realtime.stats import NetworkStats, report_stats
from web.realtime.storage import run_stored_session
from web.realtime.text_messages import event_text, parse_message, takes_long
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

INPUT_QUEUE = 64  # inputs
EVENT_QUEUE = 256  # events; when it is full, the session waits
PICTURE_EVENTS = 4  # of those that may have a generated picture; older ones are dropped
FOLLOW_UP_QUEUE = 64  # inputs that follow from outputs
DRAIN_TIMEOUT = 5.0  # seconds for a session to finish after its client has left
CLOSING_TIMEOUT = 0.5  # the same when the service ends


class SessionBridge:
    """One client's protocol and the channels around it.

    `clear_speech` is called when speech on a WebRTC track is interrupted, and `count` as of
    `parse_message`. `carried` is what the session remembers.
    """

    def __init__(
        self,
        record: SessionRecord,
        protocol: RealtimeProtocol,
        worker: Worker,
        images: ImageDecoder,
        *,
        clear_speech: Callable[[], object] = lambda: None,
        carried: CarriedState | None = None,
        count: Callable[[], object] = lambda: None,
    ) -> None:
        self.record = record
        self.carried = carried or CarriedState()
        self.source: Channel[Input] = Channel(INPUT_QUEUE)
        self.outgoing: Channel[Event] = Channel(
            EVENT_QUEUE, max_waiting={PictureEvent: PICTURE_EVENTS}
        )
        self.protocol = protocol
        self._worker = worker
        self._parse = partial(parse_message, worker=worker, decoder=images, count=count)
        self._clear_speech = clear_speech
        self._follow_ups: Channel[Input] = Channel(FOLLOW_UP_QUEUE)
        self._clock: Clock | None = None  # None until the session runs
        self._audio = AudioWatch()
        self._order = MediaOrder()
        self.unsent: deque[Event] = deque()  # in order, taken from the protocol
        self._ready = asyncio.Event()
        self.lock = asyncio.Lock()  # one step of the protocol at a time
        self._writing = asyncio.Lock()  # one writer of events at a time

    async def open(self) -> None:
        """Send the first events and inputs of the conversation."""
        await self._do(lambda: None, self.source)

    async def receive_message(self, text: str) -> None:
        """Handle a message of the client; its messages are handled one after another."""
        now = 0.0 if self._clock is None else self._clock.now()
        with self._audio.receiving():
            try:
                message, images = await self._parse(text)
            except ProtocolError as error:
                await self._ready.wait()
                await self.refuse(error)
                return
            await self._ready.wait()
            async with self.lock:
                if takes_long(text):
                    await self._worker.run(self.protocol.receive_message, message, images, now=now)
                else:
                    self.protocol.receive_message(message, images, now=now)
                inputs = self._take()
            await self._send(inputs, self.source)
        self._audio.arrived(sum(audio_seconds(item) for item in inputs))

    async def text_of(self, event: Event) -> str:
        """Return an event of `outgoing` as a message to the client."""
        return await event_text(event, self._worker)

    async def receive_media(self, item: AudioChunk | VideoFrame | Gap) -> None:
        """Put media from a track into the session, unless earlier media overlap them."""
        if not isinstance(item, Gap):
            self._order, ordered = onward(self._order, item)
            if ordered is None:
                return
            item = ordered
            self.protocol.receive_media(item)
        with self._audio.receiving():
            await self.source.send(item)
        self._audio.arrived(audio_seconds(item))

    async def refuse(self, error: ProtocolError) -> None:
        """Send an error about a message that never reached the protocol."""
        await self._do(partial(self.protocol.refuse, error), self.source)

    async def emit(self, output: Output) -> bool:
        """Handle an output of the session; return whether it is speech to play.

        Answers to questions from outside the conversation go to `SessionRecord.ask`.
        """
        if await self.record.deliver_answer(output):
            return False
        async with self.lock:
            play = isinstance(output, Speech) and self.protocol.expects_speech(output)
            self.protocol.emit(output)
            inputs = self._take()
        await self._send(inputs, self._follow_ups)
        await self.record.keep(output)
        return play

    async def playback_finished(self, question_id: str) -> None:
        """Handle that the speech of an answer was played on the track to its end."""
        await self._do(partial(self.protocol.playback_finished, question_id), self._follow_ups)

    async def fail(self, message: str) -> None:
        """Send that the session failed."""
        await self._do(partial(self.protocol.fail, message), self._follow_ups)

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
        watched: Callable[[], bool] = lambda: True,
    ) -> None:
        """Run the session while `read` runs, and until the client's input is dealt with.

        `read` passes on what the client sends and returns when it has left. It is cancelled when
        the session is asked to end.

        Raises:
            ExceptionGroup: a stage failed, or `read` did.
        """
        self._clock = clock
        self.record.submit = self.source.send
        self.record.media_time = lambda: max(self.protocol.state.media_time, clock.now())
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(read), name="read")
            ending = tasks.create_task(self._end_on_request(reading), name="end on request")
            stats = report_stats(
                self.record.id,
                self.record.counters,
                clock,
                network_stats,
                late=context.settings.late,
                wanted=lambda: self.protocol.state.eyeline_events,
                send=self.report,
            )
            reporting = tasks.create_task(stats, name="stats")
            watching = tasks.create_task(self._watch_audio(clock, limits.max_gap), name="audio")
            tasks.create_task(self._send_follow_ups(), name="follow up")
            session = run_stored_session(
                *(context, self.record, self.source, send),
                services=context.models.services,
                clock=clock,
                limits=limits,
                counters=self.record.counters,
                return_video=return_video,
                watched=watched,
                carried=self.carried,
            )
            await self._drain(session, reading, context.closing)
            for task in (ending, reporting, watching):
                task.cancel()
            await self._follow_ups.close()

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
            for output in cut_off(self.protocol.state):
                await self.emit(output)

    async def _watch_audio(self, clock: Clock, max_gap: float) -> None:
        """Put into the session that the client's audio has stopped."""
        with suppress(ChannelClosedError):
            while True:
                await clock.sleep_until(clock.now() + TICK)
                vad = self.protocol.state.config.audio.input.turn_detection
                if self._audio.tick(max(longest_silence(vad), max_gap)):
                    await self.source.send(AudioPaused())

    async def report(self, type: str, fields: dict[str, object]) -> None:
        """Send one of the service's own events, if the client takes them."""
        step = partial(self.protocol.send_eyeline_event, type, **fields)
        await self._do(step, self._follow_ups)

    async def _do(self, step: Callable[[], object], channel: Channel[Input]) -> None:
        """Do a step of the protocol, and send what it gives: its inputs through `channel`."""
        async with self.lock:
            step()
            inputs = self._take()
        await self._send(inputs, channel)

    def _take(self) -> list[Input]:
        """Take the events of the protocol's last step to be sent in order; return its inputs."""
        events = self.protocol.events_to_send()
        if any(event["type"] == OUTPUT_CLEARED for event in events):
            self._clear_speech()
        self.unsent.extend(events)
        if self.protocol.ready:
            self._ready.set()
        else:
            self._ready.clear()
        return self.protocol.inputs_to_send()

    async def _send(self, inputs: list[Input], channel: Channel[Input]) -> None:
        """Send `inputs` to the session through `channel`, then the events that wait."""
        for item in inputs:
            await channel.send(item)
        async with self._writing:
            while self.unsent:
                await self.outgoing.send(self.unsent[0])
                self.unsent.popleft()

    async def _send_follow_ups(self) -> None:
        async for item in self._follow_ups:
            try:
                await self.source.send(item)
            except ChannelClosedError:
                kind = type(item).__name__
                logger.debug("session %s: dropped a %s, the client left", self.record.id, kind)
