"""Who is busy keeps a WebSocket, who is gone loses it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

import web.realtime.keepalive
import web.serving.server
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings
from web.realtime.bridge import SessionBridge

TIMEOUT = 0.2  # seconds
MESSAGE = json.dumps({"type": "input_audio_buffer.clear"})
LONG_MESSAGE = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 100_000})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(web.serving.server, "PING_INTERVAL", 0.05)
    with (
        scripted_models() as models,
        served(Settings(websocket_timeout=TIMEOUT), models) as service,
    ):
        yield service


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let sessions take no message until the event is set."""
    ready = threading.Event()
    receive = SessionBridge.receive_message

    async def receive_when_ready(self: SessionBridge, text: str) -> None:
        while not ready.is_set():  # noqa: ASYNC110  (it is set by another thread)
            await asyncio.sleep(0.01)
        await receive(self, text)

    monkeypatch.setattr(SessionBridge, "receive_message", receive_when_ready)
    yield ready
    ready.set()


@asynccontextmanager
async def talk(service: Served) -> AsyncIterator[ClientConnection]:
    async with (
        asyncio.timeout(PATIENCE),
        connect(f"{service.ws}/v1/realtime", ping_interval=None) as connection,
    ):
        await connection.recv()
        yield connection


def answer_no_pings(connection: ClientConnection) -> None:
    send = connection.protocol.send_frame

    def send_no_pong(frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            send(frame)

    connection.protocol.send_frame = send_no_pong  # type: ignore[method-assign]


async def ask(connection: ClientConnection) -> None:
    await connection.send(MESSAGE)
    while json.loads(await connection.recv())["type"] != "input_audio_buffer.cleared":
        pass


async def read_on(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


async def test_a_client_that_sends_but_answers_no_ping_stays(service: Served) -> None:
    loop = asyncio.get_running_loop()
    async with talk(service) as connection:
        answer_no_pings(connection)
        end = loop.time() + 4 * TIMEOUT
        while loop.time() < end:
            await ask(connection)


async def test_a_client_that_is_gone_is_cut(service: Served) -> None:
    async with talk(service) as connection:
        answer_no_pings(connection)
        with pytest.raises(ConnectionClosed) as closed:
            await read_on(connection)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


async def test_a_client_of_a_busy_session_stays(
    service: Served, busy: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.realtime.keepalive, "READ_AHEAD", 0)
    async with talk(service) as connection:
        for _ in range(10):
            await connection.send(LONG_MESSAGE)
        await asyncio.sleep(4 * TIMEOUT)
        busy.set()
        await ask(connection)


async def test_pings_are_answered_while_a_session_is_busy(
    service: Served, busy: threading.Event
) -> None:
    async with talk(service) as connection:
        for _ in range(10):  # more than is read at once
            await connection.send(LONG_MESSAGE)
        await (await connection.ping())
        assert not busy.is_set()


async def test_messages_wait_in_bounded_memory(
    service: Served, busy: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.realtime.keepalive, "READ_AHEAD", 10_000)
    async with talk(service) as connection, asyncio.TaskGroup() as tasks:
        sent = 0

        async def flood() -> None:
            nonlocal sent
            for _ in range(1_000):  # 100 MB, which the kernel does not hold
                await connection.send(LONG_MESSAGE)
                sent += 1

        flooding = tasks.create_task(flood())
        before = -1
        while sent > before:  # until nothing more is taken
            before = sent
            await asyncio.sleep(0.3)
        assert sent < 1_000
        flooding.cancel()
        connection.transport.abort()
