"""Who is busy keeps a WebSocket, who is gone loses it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from unittest.mock import Mock

import pytest
from fastapi import FastAPI
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

import web.realtime.keepalive
import web.serving.server
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings
from web.realtime.bridge import SessionBridge
from web.realtime.keepalive import READ_AHEAD, PatientProtocol
from web.serving.server import server_config

TIMEOUT = 0.2  # seconds
MESSAGE = json.dumps({"type": "input_audio_buffer.clear"})
LONG_MESSAGE = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 100_000})


class Clock:
    """An event loop of which only the clock and timers are used."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Mock:
        self.timers.append((self.now + delay, call))
        return Mock()

    def advance(self) -> None:
        """Let the newest timer expire."""
        self.now, call = self.timers.pop()
        call()


@pytest.fixture
def connection() -> tuple[Clock, PatientProtocol]:
    """A connection that has just sent a ping, which must be answered within 60 s."""
    clock = Clock()
    config = server_config(FastAPI(), Settings(websocket_timeout=60))
    protocol = PatientProtocol(config, ServerState(), {}, _loop=clock)
    protocol.transport = Mock(is_closing=lambda: False)
    protocol.conn.state = State.OPEN
    protocol.send_keepalive_ping()
    return clock, protocol


def test_a_client_that_sends_but_answers_no_ping_stays(
    connection: tuple[Clock, PatientProtocol],
) -> None:
    clock, protocol = connection
    for _ in range(5):
        clock.now += 59
        protocol.data_received(b"")
        clock.advance()
        assert not protocol.transport.close.called  # type: ignore[attr-defined]
    clock.advance()  # 60 s without a byte
    assert protocol.transport.close.called  # type: ignore[attr-defined]


async def test_a_client_of_a_busy_session_stays(
    connection: tuple[Clock, PatientProtocol],
) -> None:
    clock, protocol = connection
    protocol.read_paused = True
    protocol._waiting = READ_AHEAD
    for _ in range(5):
        clock.advance()
    protocol.queue.put_nowait({"type": "websocket.receive", "text": ""})
    protocol._sizes.append(READ_AHEAD)
    clock.now += 30
    await protocol.receive()  # the session goes on, and with it reading
    assert not protocol.read_paused
    clock.advance()
    assert not protocol.transport.close.called  # type: ignore[attr-defined]
    clock.advance()
    assert protocol.transport.close.called  # type: ignore[attr-defined]


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


async def read_on(connection: ClientConnection) -> None:
    while True:
        await connection.recv()


async def test_a_client_that_is_gone_is_cut(service: Served) -> None:
    async with talk(service) as connection:
        answer_no_pings(connection)
        with pytest.raises(ConnectionClosed) as closed:
            await read_on(connection)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


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
