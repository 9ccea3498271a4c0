import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from media.clock import LiveClock
from media.events.generation import GeneratedImage
from media.events.hearing import (
    Clear,
    Commit,
    CommitResult,
    ListeningConfig,
    TurnEnded,
    TurnStarted,
)
from media.frames import AudioChunk, VideoFrame
from media.images.decoder import ImageDecoder
from media.worker import Worker
from tests.patience import PATIENCE
from web.access.auth import Caller
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import Capabilities
from web.realtime.bridge import EVENT_QUEUE, SessionBridge
from web.sessions.registry import Sessions


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("test")
    yield worker
    worker.close()


@asynccontextmanager
async def opened(
    worker: Worker, decoder: ImageDecoder | None = None
) -> AsyncIterator[SessionBridge]:
    sessions = Sessions(1, LiveClock(), retention=60)
    record = sessions.start("websocket", Caller())
    protocol = RealtimeProtocol(record.id, Capabilities(model="m", recognizers=("r",)))
    bridge = SessionBridge(record, protocol, worker, decoder or ImageDecoder())
    await bridge.open()
    yield bridge
    await sessions.end(record)


async def test_a_conversation_opens_with_its_events_and_turn_detection(worker: Worker) -> None:
    async with opened(worker) as bridge:
        assert isinstance(await anext(bridge.source), ListeningConfig)
        created = await anext(bridge.outgoing)
        assert created["type"] == "session.created"


async def test_messages_of_a_client_that_reads_nothing_wait(worker: Worker) -> None:
    """What waits for a slow client is bounded: its own messages wait instead."""
    taken = 0
    async with opened(worker) as bridge, asyncio.TaskGroup() as tasks:

        async def flood() -> None:
            nonlocal taken
            while True:
                await bridge.receive_message(json.dumps({"type": "no.such.event"}))
                taken += 1

        flooding = tasks.create_task(flood())
        for _ in range(20 * EVENT_QUEUE):
            await asyncio.sleep(0)
        assert taken <= EVENT_QUEUE
        before = taken
        for _ in range(10):
            await anext(bridge.outgoing)
        for _ in range(100):
            await asyncio.sleep(0)
        assert taken == before + 10
        flooding.cancel()


async def test_media_of_a_client_that_reads_nothing_reach_the_session(
    worker: Worker,
) -> None:
    chunk = AudioChunk(np.zeros(320, np.float32), 0, 16_000)
    frame = VideoFrame(np.zeros((4, 4, 3), np.uint8), 45_000)
    async with opened(worker) as bridge, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        await bridge.source.receive_all()
        message = json.dumps({"type": "no.such.event"})
        for _ in range(EVENT_QUEUE - 2):  # after session.created and conversation.created
            await bridge.receive_message(message)
        waiting = tasks.create_task(bridge.receive_message(message))
        await asyncio.sleep(0)  # let it begin to wait for room
        await bridge.receive_media(chunk)
        await bridge.receive_media(frame)
        assert await bridge.source.receive_all() == [chunk, frame]
        assert bridge.protocol.state.media_time == 0.5
        assert not waiting.done()
        await bridge.outgoing.receive_all()


async def test_a_long_message_is_parsed_on_the_worker_and_in_order(
    worker: Worker,
) -> None:
    async with opened(worker) as bridge:
        append = {"type": "input_audio_buffer.append", "audio": "A" * 96_000}
        await bridge.receive_message(json.dumps(append))
        await bridge.receive_message(json.dumps({"type": "input_audio_buffer.clear"}))
        *_, before, last = await bridge.source.receive_all()
    assert isinstance(before, AudioChunk)
    assert isinstance(last, Clear)


async def test_a_commit_enters_the_session_before_its_client_has_read_anything(
    worker: Worker,
) -> None:
    """A client that reads slowly commits the audio up to its commit, not what came meanwhile."""
    commit = json.dumps({"type": "input_audio_buffer.commit"})
    async with opened(worker) as bridge, asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        await bridge.source.receive_all()
        message = json.dumps({"type": "no.such.event"})
        for _ in range(EVENT_QUEUE - 2):  # after session.created and conversation.created
            await bridge.receive_message(message)
        waiting = tasks.create_task(bridge.emit(TurnStarted(1, 0.0)))
        await asyncio.sleep(0)  # let it begin to wait for room
        committing = tasks.create_task(bridge.receive_message(commit))
        assert await anext(bridge.source) == Commit()
        assert not waiting.done()
        await bridge.outgoing.receive_all()
        await waiting
        await committing


async def test_what_follows_a_commit_waits_until_the_session_has_processed_it(
    worker: Worker,
) -> None:
    commit, create = (
        {"type": f"{name}"} for name in ("input_audio_buffer.commit", "response.create")
    )
    async with opened(worker) as bridge, asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        await bridge.receive_message(json.dumps(commit))
        await bridge.source.receive_all()
        await bridge.outgoing.receive_all()
        following = tasks.create_task(bridge.receive_message(json.dumps(create)))
        for output in (TurnStarted(1, 0.0, False), TurnEnded(1, 0.0, 1.0, False)):
            await bridge.emit(output)
        await bridge.emit(CommitResult(1, 16_000))
        await following
        types = [event["type"] for event in await bridge.outgoing.receive_all()]
    assert types == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


async def test_a_slow_client_gets_the_newest_pictures_and_all_other_events(
    worker: Worker,
) -> None:
    async with opened(worker) as bridge:
        await bridge.outgoing.receive_all()
        for number in range(1000):
            await bridge.emit(GeneratedImage(number, number / 16, b"jpeg"))
            if number % 100 == 0:
                await bridge.receive_message(json.dumps({"type": "no.such.event"}))
        await bridge.outgoing.close()
        events = [event async for event in bridge.outgoing]
    pictures = [e["number"] for e in events if e["type"] == "eyeline.video.delta"]
    assert pictures == [996, 997, 998, 999]
    assert len([e for e in events if e["type"] == "error"]) == 10
