import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from media.clock import LiveClock
from media.counters import Counters
from media.events import ListeningConfig
from media.generation_events import GeneratedImage
from media.worker import Worker
from rtc.network import NetworkState
from web.protocol import protocol as conversation
from web.protocol.session_config import Capabilities
from web.realtime.bridge import EVENTS, SessionBridge, stats_of
from web.sessions import Sessions


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("test")
    yield worker
    worker.close()


@asynccontextmanager
async def linked(worker: Worker) -> AsyncIterator[SessionBridge]:
    sessions = Sessions(1, LiveClock(), retention=60)
    live = sessions.start("websocket")
    opening = conversation.begin(live.id, Capabilities(model="m", recognizers=("r",)))
    link = SessionBridge(live, opening, worker)
    await link.open()
    yield link
    await sessions.end(live)


async def test_a_conversation_opens_with_its_events_and_how_to_listen(worker: Worker) -> None:
    async with linked(worker) as link:
        assert isinstance(await anext(link.source), ListeningConfig)
        created = await anext(link.outgoing)
        assert created["type"] == "session.created"


async def test_a_client_that_reads_nothing_is_read_no_further(worker: Worker) -> None:
    """What waits for a slow client is bounded: its own messages wait instead."""
    taken = 0
    async with linked(worker) as link, asyncio.TaskGroup() as tasks:

        async def flood() -> None:
            nonlocal taken
            while True:
                await link.receive(json.dumps({"type": "no.such.event"}))
                taken += 1

        flooding = tasks.create_task(flood())
        for _ in range(20 * EVENTS):
            await asyncio.sleep(0)
        assert taken <= EVENTS
        before = taken
        for _ in range(10):
            await anext(link.outgoing)
        for _ in range(100):
            await asyncio.sleep(0)
        assert taken == before + 10
        flooding.cancel()


async def test_a_long_message_is_read_apart_from_the_event_loop_and_in_order(
    worker: Worker,
) -> None:
    async with linked(worker) as link:
        append = {"type": "input_audio_buffer.append", "audio": "A" * 96_000}
        await link.receive(json.dumps(append))
        await link.receive(json.dumps({"type": "input_audio_buffer.clear", "event_id": "x"}))
        await link.outgoing.close()
        types = [event["type"] async for event in link.outgoing]
    assert types == ["session.created", "conversation.created", "input_audio_buffer.cleared"]


def test_stats_are_null_where_the_network_is_not_known() -> None:
    network = NetworkState(
        round_trip=0.02,
        loss=0.01,
        loss_out=0.0,
        jitter=0.003,
        bitrate_in=8e5,
        bitrate_out=7e5,
        frame_rate_in=30.0,
        frame_rate_out=29.0,
    )
    known = stats_of(network, Counters(dropped_frames=2), 1.5)
    assert (known["fps_in"], known["loss"], known["dropped_frames"]) == (30.0, 0.01, 2)
    unknown = stats_of(None, Counters(), 1.5)
    assert known.keys() == unknown.keys()
    assert unknown["round_trip"] is None
    assert unknown["seconds"] == 1.5


async def test_a_client_that_reads_slowly_gets_the_newest_pictures_and_all_else(
    worker: Worker,
) -> None:
    async with linked(worker) as link:
        await link.outgoing.receive_all()
        for number in range(1000):
            await link.emit(GeneratedImage(number, number / 16, b"jpeg"))
            if number % 100 == 0:
                await link.receive(json.dumps({"type": "no.such.event"}))
        await link.outgoing.close()
        events = [event async for event in link.outgoing]
    pictures = [e["number"] for e in events if e["type"] == "eyeline.video.delta"]
    assert pictures == [996, 997, 998, 999]
    assert len([e for e in events if e["type"] == "error"]) == 10
