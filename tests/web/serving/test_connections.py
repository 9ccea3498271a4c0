import logging
import resource
import socket
import subprocess
import sys
import tempfile

import pytest

from tests.paths import ROOT
from tests.patience import PATIENCE
from web.serving.connections import MIN_CONNECTIONS, Connections, connection_limit
from web.serving.log_limit import BURST

SERVER = """
import asyncio, resource
from functools import partial
import uvicorn
from uvicorn.server import ServerState
from web.cli.main import _configure_logging
from web.serving.connections import Connections
from web.serving.http_protocol import TimeLimits, http_protocol
from web.serving.server import BACKLOG

async def answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

async def main():
    config = uvicorn.Config(
        answer, lifespan="off", log_config=None, access_log=False, ws="none"
    )
    config.load()
    protocol = http_protocol(TimeLimits(head=600, read=600), Connections(1000))
    made = partial(protocol, config=config, server_state=ServerState(), app_state={})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(made, "127.0.0.1", 0, backlog=BACKLOG)
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

_configure_logging("info", "text")
asyncio.run(main())
"""


class Connection:
    def __init__(self) -> None:
        self.closed = False

    def make_room(self) -> None:
        self.closed = True


def test_there_is_room_up_to_the_limit_and_then_the_longest_waiting_goes() -> None:
    connections, one, other = Connections(2), Connection(), Connection()
    connections.set_waiting(one, waiting=True)
    connections.set_waiting(other, waiting=True)
    connections.set_waiting(one, waiting=True)  # it has waited all the time
    assert connections.admit(2)
    assert [one.closed, other.closed] == [False, False]
    assert connections.admit(3)
    assert [one.closed, other.closed] == [True, False]
    connections.set_waiting(other, waiting=False)
    assert not connections.admit(3)
    assert [one.closed, other.closed] == [True, False]


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "limit"),
    [
        (1024, 1_048_576, 3656, 1000),
        (1024, resource.RLIM_INFINITY, 3656, 1000),
        (100_000, 100_000, None, 1000),
        (1024, 3000, 3000, 344),
        (64, 64, None, MIN_CONNECTIONS),
    ],
)
def test_the_limit_of_descriptors_is_raised_as_far_as_needed_or_connections_are_fewer(
    soft: int,
    hard: int,
    raised: int | None,
    limit: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    with caplog.at_level(logging.WARNING):
        assert connection_limit(1000, sessions=100) == limit
    assert asked == ([] if raised is None else [(raised, hard)])
    assert ("too few" in caplog.text) == (limit < 1000)


def test_a_limit_that_the_system_does_not_raise_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise ValueError(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert connection_limit(1000, sessions=10) == 1024 - 256 - 240


@pytest.mark.slow
def test_a_full_table_of_descriptors_fills_no_log_and_the_service_goes_on() -> None:
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            address = ("127.0.0.1", int(server.stdout.readline()))
            clients = [socket.create_connection(address, PATIENCE) for _ in range(100)]
            for client in clients[:10]:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(1000)  # the table is full of the others by then
            for client in clients:
                client.close()
            with socket.create_connection(address, PATIENCE) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(1000)
        finally:
            server.kill()
        log.seek(0)
        lines = log.read()
    assert 1 <= lines.count("out of system resource") <= BURST
