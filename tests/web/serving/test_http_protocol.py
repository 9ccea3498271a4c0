"""Connections of clients that send half of something, read nothing, or are too many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from tests.patience import PATIENCE
from web.serving.connections import Connections
from web.serving.http_protocol import TimeLimits, http_protocol

SHORT = 0.05  # seconds that a client has
LONG = 10 * PATIENCE  # as good as no limit
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def serving(
    app: ASGIApp, limits: TimeLimits, *, connections: int = 100
) -> AsyncIterator[Connect]:
    """Yield a function that connects to `app`."""
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    made = partial(
        http_protocol(limits, Connections(connections)),
        config=config,  # type: ignore[call-arg]  # uvicorn's protocols, not asyncio's
        server_state=ServerState(),
        app_state={},
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, "127.0.0.1", 0)
    clients: list[asyncio.StreamWriter] = []

    async def connect() -> Client:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        clients.append(writer)
        return reader, writer

    try:
        async with asyncio.timeout(PATIENCE):
            yield connect
    finally:
        server.close()
        for writer in clients:
            writer.close()


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without reading the body."""
    del scope, receive
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def status(reader: asyncio.StreamReader) -> int:
    """Return the status of a response, after its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head.split()[1])


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def drip(client: Client) -> bytes:
    """Send a byte whenever nothing comes for a moment, until the connection is closed."""
    reader, writer = client
    received = b""
    while not reader.at_eof():
        try:
            async with asyncio.timeout(SHORT / 5):
                received += await reader.read(1000)
        except TimeoutError:
            writer.write(b"x")
        except ConnectionResetError:
            break
    return received


@pytest.mark.parametrize("part", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_a_request_must_begin_and_its_head_be_complete_in_time(part: bytes) -> None:
    async with serving(answer, TimeLimits(head=SHORT, read=LONG)) as connect:
        reader, writer = await connect()
        writer.write(part)
        received = await until_closed(reader)
        assert received.startswith(b"HTTP/1.1 408 ") == bool(part)


@pytest.mark.parametrize("requests_before", [0, 1, 2])
async def test_single_bytes_do_not_extend_the_time_of_a_head(requests_before: int) -> None:
    async with serving(answer, TimeLimits(head=SHORT, read=LONG)) as connect:
        reader, writer = await connect()
        for _ in range(requests_before):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await status(reader) == 200
            assert await reader.readexactly(2) == b"ok"
        writer.write(b"GET /")
        assert b"HTTP/1.1 408 " in await drip((reader, writer))


async def test_a_body_that_nobody_reads_is_not_received_for_ever() -> None:
    async with serving(answer, TimeLimits(head=LONG, read=LONG, rest=SHORT)) as connect:
        reader, writer = await connect()
        writer.write(HEAD % 1000)
        assert await status(reader) == 200
        await drip((reader, writer))


async def test_an_answer_before_the_end_of_a_long_body_reaches_its_client() -> None:
    size = 4_000_000
    async with serving(answer, TimeLimits(head=LONG, read=LONG, rest=LONG)) as connect:
        reader, writer = await connect()
        writer.write(HEAD % size + b"a" * size)
        await writer.drain()
        assert await status(reader) == 200
        assert await reader.readexactly(2) == b"ok"
        writer.write(HEAD % 0)  # the rest is passed over, and the connection goes on
        assert await status(reader) == 200


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    over = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):  # far more than the system keeps between the two
            await send({"type": "http.response.body", "body": b"a" * 100_000, "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        over.set()

    async with serving(stream, TimeLimits(head=LONG, read=SHORT)) as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await status(reader) == 200
        await over.wait()


async def test_the_connection_that_waits_longest_makes_room_for_a_new_one() -> None:
    async with serving(answer, TimeLimits(head=LONG, read=LONG), connections=3) as connect:
        clients = [await connect() for _ in range(3)]
        clients[0][1].write(b"GET / HTTP/1.1\r\n")  # half of a request makes no difference
        fourth_reader, fourth_writer = await connect()
        assert await until_closed(clients[0][0]) == b""
        for reader, writer in (*clients[1:], (fourth_reader, fourth_writer)):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await status(reader) == 200


async def test_requests_in_progress_make_no_room() -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        await go_on.wait()
        await answer(scope, receive, send)

    async with serving(work, TimeLimits(head=LONG, read=LONG), connections=2) as connect:
        clients = [await connect() for _ in range(2)]
        for _, writer in clients:
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await begun.acquire()
        reader, _ = await connect()
        assert await status(reader) == 503
        await until_closed(reader)
        go_on.set()
        for reader, _ in clients:
            assert await status(reader) == 200
