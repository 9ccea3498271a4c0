"""A protocol and the hearing of a session, joined as by a bridge whose outputs may be late.

Speech is a loud tone. Models compute at once and answers are the test's, so a conversation depends
on nothing but the order of what the test does.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from media.audio.pcm import encode_pcm
from media.channel import Channel
from media.clock import ReplayClock
from media.counters import Counters
from media.events.answers import Answer, Cancel, Question, Speech
from media.events.hearing import AudioPaused, Clear, Commit, ListeningConfig
from media.events.session import Input, Output
from media.frames import AudioChunk
from media.pipeline.context import SessionContext
from media.pipeline.hearing.caption_stage import CaptionStage
from media.pipeline.hearing.speakers import SpeakerLabels
from media.pipeline.hearing.turn_items import TurnItem
from media.pipeline.hearing.turn_stage import AudioItem, TurnStage
from media.pipeline.limits import Limits
from media.pipeline.models.services import Devices, Services
from media.pipeline.questions import OpenQuestions
from tests.media.pipeline.scripted import scripted_services, silence, tone
from tests.media.stepped import InlineDevice
from tests.web.openai_sdk import check
from web.protocol.client_events import received
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import Capabilities
from web.protocol.state import Event

CAPABILITIES = Capabilities(model="eyeline", recognizers=("tiny.en",), voices=("heart",))
RATE = 24_000  # Hz of what the client sends
QUIET_STEPS = 30  # steps of the event loop in which both stages have nothing to do


class Conversation:
    """`events` are what the client got, and `sent` the seconds of audio that it sent."""

    def __init__(self, services: Services) -> None:
        self.protocol = RealtimeProtocol("sess_test", CAPABILITIES)
        self.events: list[Event] = []
        self.outputs: deque[Output] = deque()
        self.questions: list[Question] = []
        self.loud: list[tuple[float, float]] = []
        self.sent = 0.0
        self.audio: Channel[AudioItem] = Channel(10_000)
        self._turns: Channel[TurnItem] = Channel(10_000)
        self._context = SessionContext(
            send=self._receive,
            services=services,
            clock=ReplayClock(),
            limits=Limits(),
            questions=OpenQuestions(cancellable=True),
            counters=Counters(),
        )
        self._captions = CaptionStage(
            self._context, self._never, SpeakerLabels(self._context), Channel(10_000)
        )

    async def run(self) -> None:
        """Run the stages until `audio` is closed."""
        async with asyncio.TaskGroup() as stages:
            stages.create_task(TurnStage(self._context, self._turns).run(self.audio))
            stages.create_task(self._captions.run(self._turns))

    async def send(self, type: str, **fields: Any) -> list[Event]:
        """Send a client event as soon as the protocol takes one; return the events of that step."""
        while not self.protocol.ready:
            await self.deliver(1)
        self.protocol.receive_message(received.receive(json.dumps({"type": type, **fields})))
        return await self._take()

    async def speak(self, seconds: float, *, loud: bool) -> None:
        """Send audio."""
        samples = (tone if loud else silence)(seconds * RATE / 16_000)
        coded = base64.b64encode(encode_pcm(samples, "pcm16")).decode()
        await self.send("input_audio_buffer.append", audio=coded)
        if loud:
            self.loud.append((self.sent, self.sent + seconds))
        self.sent += seconds

    async def pause(self) -> None:
        """Let the audio stop for so long that the clock ends the turn."""
        await self.audio.send(AudioPaused())
        await self.settle()

    async def deliver(self, count: int) -> list[Event]:
        """Pass on the next outputs of the session, if there are as many."""
        events = []
        for _ in range(min(count, len(self.outputs))):
            self.protocol.emit(self.outputs.popleft())
            events += await self._take()
        return events

    async def deliver_all(self) -> list[Event]:
        return await self.deliver(len(self.outputs))

    async def answer(self, *, last: bool) -> list[Event]:
        """Give a piece of the answer to the newest question, or its end."""
        if not self.questions:
            return []
        question = self.questions[-1]
        chunk = AudioChunk(np.zeros(2400, np.float32), 0, RATE)
        for output in (
            Answer(question.id, "" if last else "word ", 0, "completed" if last else "streaming"),
            Speech(question.id, None if last else chunk, "completed" if last else "streaming"),
        ):
            self.protocol.emit(output)
        return await self._take()

    async def settle(self) -> None:
        """Let the stages process all audio."""
        for _ in range(QUIET_STEPS):
            await asyncio.sleep(0)

    def all(self, type: str) -> list[Event]:
        return [event for event in self.events if event["type"] == type]

    async def _take(self) -> list[Event]:
        for item in self.protocol.inputs_to_send():
            await self._route(item)
        await self.settle()
        events = self.protocol.events_to_send()
        self.events += events
        check(events)
        return events

    async def _route(self, item: Input) -> None:
        match item:
            case AudioChunk() | Commit() | Clear() | ListeningConfig():
                await self.audio.send(item)
            case Question():
                self.questions.append(item)
            case _:
                assert isinstance(item, Cancel), item

    async def _receive(self, output: Output) -> None:
        self.outputs.append(output)

    async def _never(self, question: Question) -> None:
        raise AssertionError(f"the protocol asks questions, not the session: {question}")


@asynccontextmanager
async def conversation(**session: Any) -> AsyncIterator[Conversation]:
    """Yield a conversation with the settings `session`; at its end all outputs are delivered."""
    inline = InlineDevice()
    devices = Devices(
        detection=inline,
        synthesis=inline,
        recognition=inline,
        assistant=inline,
        generation=inline,
    )
    with scripted_services(devices) as services:
        talk = Conversation(services)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk.run())
            await talk.send("session.update", session={"type": "realtime", **session})
            yield talk
            await talk.audio.close()
        await talk.deliver_all()
