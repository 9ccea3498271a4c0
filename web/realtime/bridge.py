"""Joins a conversation with its session: what every transport shares.

client -> receive, hear -> source -> run_session -> emit -> outgoing -> client

Inputs that follow from what the session said (the question of a turn, say) go through a channel
of their own, so that no stage of the session ever waits for room in its own source.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
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
from rtc.network import NetworkState
from web.config import Settings
from web.context import ServiceContext
from web.protocol import protocol as conversation
from web.protocol.messages import ProtocolError
from web.protocol.protocol import Step
from web.protocol.state import Event, Shown, present
from web.sessions import SessionRecord

logger = logging.getLogger(__name__)

INPUTS = 64  # that wait for the session
EVENTS = 256  # that wait for the client; then the session waits
PICTURES = 4  # of those that may be drawn pictures; of more the newest wait
LATER = 64  # inputs that follow from outputs
LONG_MESSAGE = 16_384  # characters from which a message is read on a worker: over 1 ms of work
DRAIN = 5.0  # seconds that a session gets to finish what a client that left had said
CLOSING = 0.5  # the same where the service ends

Measure = Callable[[], Awaitable[NetworkState | None]]


class SessionBridge:
    """One client's conversation and the channels around it."""

    def __init__(self, live: SessionRecord, opening: Step, worker: Worker) -> None:
        self.live = live
        self.source: Channel[Input] = Channel(INPUTS)
        self.outgoing: Channel[Event] = Channel(EVENTS, max_waiting={Shown: PICTURES})
        self._opening = opening
        self._dialogue = opening[0]
        self._worker = worker
        self._later: Channel[Input] = Channel(LATER)
        self._clock: Clock | None = None  # once the session runs
        self._turn = asyncio.Lock()  # one step of the conversation at a time, its events in order

    async def open(self) -> None:
        """Say what a conversation begins with."""
        async with self._turn:
            inputs = await self._take(self._opening)
        await self._put(inputs)

    async def receive(self, text: str) -> None:
        """Obey a message of the client."""
        async with self._turn:
            now = 0.0 if self._clock is None else self._clock.now()
            if len(text) > LONG_MESSAGE:
                step = await self._worker.run(conversation.receive, self._dialogue, text, now=now)
            else:
                step = conversation.receive(self._dialogue, text, now=now)
            inputs = await self._take(step)
        await self._put(inputs)

    async def refuse(self, error: ProtocolError) -> None:
        """Tell the client that what it sent cannot be obeyed."""
        async with self._turn:
            await self._take(conversation.refuse(self._dialogue, error))

    async def hear(self, item: AudioChunk | VideoFrame) -> None:
        """Take media that came on a track."""
        async with self._turn:
            if isinstance(item, VideoFrame):
                step = conversation.saw(self._dialogue, item)
            else:
                step = conversation.heard(self._dialogue, item)
            inputs = await self._take(step)
        await self._put(inputs)

    async def emit(self, output: Output) -> bool:
        """Tell the client what the session said; return whether speech is still wanted.

        What answers a question that came another way goes to whoever asked it.
        """
        if await self.live.deliver_answer(output):
            return False
        async with self._turn:
            wanted = isinstance(output, Speech) and self._wanted(output)
            inputs = await self._take(conversation.emit(self._dialogue, output))
        for item in inputs:
            await self._later.send(item)
        if isinstance(output, Caption) and output.final and output.words:
            await self.live.add_caption(output)
        if isinstance(output, Remembered):
            self.live.add_moment(output)
        return wanted

    async def played(self) -> None:
        """Say that the speech on the track is over."""
        async with self._turn:
            await self._take(conversation.played(self._dialogue))

    async def tell(self, type: str, **fields: object) -> None:
        """Say one of the service's own events to a client that wants them."""
        async with self._turn:
            await self._take(conversation.tell(self._dialogue, type, **fields))

    async def fail(self, message: str) -> None:
        """Say that the session failed."""
        async with self._turn:
            await self._take(conversation.fail(self._dialogue, message))

    async def run(
        self,
        context: ServiceContext,
        clock: Clock,
        read: Callable[[], Awaitable[None]],
        send: Callable[[Output], Awaitable[None]],
        *,
        measure: Measure,
        limits: Limits,
        return_video: bool = False,
    ) -> None:
        """Run the session while `read` runs, and until what the client said is done with.

        `read` feeds this link and returns when the client has left; it is cancelled when the
        session is asked to leave. `measure` tells the state of the network, if it is known.

        Raises:
            ExceptionGroup: a stage failed, or `read` did.
        """
        self._clock = clock
        self.live.submit = self.source.send
        self.live.media_time = lambda: present(self._dialogue)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(read), name="read")
            leaving = tasks.create_task(self._leave(reading), name="leave")
            ticking = tasks.create_task(self._tick(clock, measure), name="tick")
            tasks.create_task(self._follow_up(), name="follow up")
            session = self._session(
                context.settings,
                send,
                services=context.models.services,
                clock=clock,
                limits=limits,
                counters=self.live.counters,
                return_video=return_video,
            )
            await self._drained(session, reading, context.closing)
            leaving.cancel()
            ticking.cancel()
            await self._later.close()

    async def _session(
        self, settings: Settings, send: Callable[[Output], Awaitable[None]], **options: Any
    ) -> None:
        """Run the session; what it is fed is recorded, if wished, and its memory kept beside."""
        if settings.recordings is None:
            with TemporaryDirectory(prefix="eyeline-", dir=settings.memory_folder) as folder:
                await run_session(self.source, send, memory=Path(folder), **options)
            return
        recorder = Worker("recorder")
        home = settings.recordings / self.live.id
        try:
            async with aclosing(record(self.source, home, recorder)) as source:
                await run_session(source, send, memory=home / MEMORY_FOLDER, **options)
        finally:
            recorder.close()

    async def _read(self, read: Callable[[], Awaitable[None]]) -> None:
        """Read until the client leaves; then nobody waits for answers any more."""
        try:
            await read()
        finally:
            self.live.submit = None
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self.source.send(Cancel())
            await self.source.close()

    async def _leave(self, reading: asyncio.Task[None]) -> None:
        await self.live.end_requested.wait()
        reading.cancel()

    async def _drained(
        self,
        session: Coroutine[None, None, None],
        reading: asyncio.Task[None],
        closing: threading.Event,
    ) -> None:
        """Await `session`, which gets `DRAIN` seconds once `reading` is over, or `CLOSING`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as deadline:

                def hurry(_: asyncio.Task[None]) -> None:
                    patience = CLOSING if closing.is_set() else DRAIN
                    deadline.reschedule(loop.time() + patience)

                reading.add_done_callback(hurry)
                try:
                    await session
                finally:
                    reading.remove_done_callback(hurry)
        except TimeoutError:
            logger.info("session %s was cut off with work left to do", self.live.id)

    async def _tick(self, clock: Clock, measure: Measure) -> None:
        """Say each second how the session does."""
        while True:
            await clock.sleep_until(int(clock.now()) + 1)
            if self._dialogue.own_events:
                network = await measure()
                seconds = round(clock.now(), 3)
                stats = stats_of(network, self.live.counters, seconds)
                await self.tell("eyeline.stats", **stats)

    def _wanted(self, speech: Speech) -> bool:
        response = self._dialogue.response
        return response is not None and response.question == speech.id

    async def _take(self, step: Step) -> list[Input]:
        """Queue the events of `step` for the client; return its inputs."""
        self._dialogue, inputs, events = step
        for event in events:
            await self.outgoing.send(event)
        return list(inputs)

    async def _put(self, inputs: list[Input]) -> None:
        for item in inputs:
            await self.source.send(item)

    async def _follow_up(self) -> None:
        async for item in self._later:
            try:
                await self.source.send(item)
            except ChannelClosedError:
                logger.debug("%s: the client left before %r", self.live.id, type(item).__name__)


def stats_of(network: NetworkState | None, counters: Counters, seconds: float) -> dict[str, object]:
    """Return the fields of `eyeline.stats`: seconds, shares and bit/s; None is not known."""
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
