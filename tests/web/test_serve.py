import asyncio
import gc
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import nullcontext

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import web.serve
from tests.paths import ROOT
from tests.patience import PATIENCE
from tests.web.served import scripted_models
from web.config import Settings
from web.errors import UsageError
from web.serve import bound_socket, check_access, serve
from web.serving.server import EyelineServer, listen


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_service_and_leaves_no_process(ending: signal.Signals) -> None:
    """In a process group of its own, which must be empty afterwards."""
    command = [sys.executable, "-m", "web.cli.main", "demo", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert any(re.search(r"http://localhost:\d+", line) for line in process.stdout)
        process.send_signal(ending)
        assert process.wait(PATIENCE) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
def test_a_port_in_use_is_reported_before_models_are_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "web.cli.main", "serve", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 2
    assert "give --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_loaded_is_frozen_before_the_service_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full collection of loaded models would stop the event loop for everybody."""
    happened: list[str] = []

    async def listen(_: EyelineServer, **__: object) -> None:
        happened.append("listened")

    monkeypatch.setattr(gc, "freeze", lambda: happened.append("froze"))
    monkeypatch.setattr(EyelineServer, "serve", listen)
    monkeypatch.setattr(web.serve, "load_models", lambda _: scripted_models())
    monkeypatch.setattr(web.serve, "rendering", lambda: nullcontext(lambda: None))
    monkeypatch.setattr(web.serve, "create_app", lambda *_: FastAPI())
    assert serve(Settings(port=0), banner=None) == 0
    assert happened == ["froze", "listened"]


def test_a_port_that_another_service_took_meanwhile_is_reported() -> None:
    """Both were started at the same time: each could bind while the other did not listen yet."""
    with bound_socket(Settings(port=0)) as first:
        port = first.getsockname()[1]
        with bound_socket(Settings(port=port)) as second:
            listen(first)
            with pytest.raises(UsageError, match="give --port"):
                listen(second)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_small_writes_are_sent_at_once(host: str) -> None:
    """Otherwise the second part of a response waits for the client's acknowledgement: 40 ms."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_once = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.set_result(at_once)
        writer.close()

    with bound_socket(Settings(host=host, port=0)) as listener:
        async with await asyncio.start_server(connected, sock=listener) as server:
            address = server.sockets[0].getsockname()
            _, writer = await asyncio.open_connection(address[0], address[1])
            assert await accepted
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "127.example.com", "here.example"])
def test_other_machines_need_a_key_unless_anybody_may_come(host: str) -> None:
    with pytest.raises(UsageError, match="EYELINE_WITHOUT_KEY=true"):
        check_access(Settings(host=host))
    check_access(Settings(host=host, without_key=True))
    check_access(Settings(host=host, api_key=SecretStr("k")))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_needs_no_key(host: str) -> None:
    check_access(Settings(host=host))
