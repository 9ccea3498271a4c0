"""Clocks that step: the wall clock by an hour, and that of the event loop as after a pause."""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import websockets

from tests.chaos.conversation import answered, close_code, until
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

HOUR = 3600.0


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A service that ends before the clocks are set back."""
    del monkeypatch
    with scripted_models() as models, served(Settings(api_key="sesame"), models) as service:
        yield service


def secret(service: Served) -> str:
    headers = {"Authorization": "Bearer sesame"}
    body = {"expires_after": {"anchor": "created_at", "seconds": 600}}
    url = f"{service.http}/v1/realtime/client_secrets"
    answer = httpx.post(url, json=body, headers=headers, timeout=PATIENCE)
    return str(answer.json()["value"])


def connect(service: Served, key: str) -> websockets.connect:
    headers = {"Authorization": f"Bearer {key}"}
    return websockets.connect(f"{service.ws}/v1/realtime", additional_headers=headers)


async def test_a_wall_clock_that_jumps_an_hour_both_ways_changes_nothing(
    service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, steps, now = secret(service), itertools.cycle((0.0, HOUR, -HOUR)), time.time  # noqa: TID251
    monkeypatch.setattr(time, "time", lambda: now() + next(steps))
    async with connect(service, key) as client:
        for _ in range(3):
            assert "You asked:" in await answered(client)
    async with connect(service, key) as client:  # the secret has not expired
        await until(client, "session.created")


async def test_after_a_pause_sessions_go_on_or_end_with_a_reason(
    service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the service jumps; that of the client, which did not pause, does not."""
    mine, paused, now = threading.get_ident(), [0.0], asyncio.BaseEventLoop.time

    def jumped(loop: asyncio.BaseEventLoop) -> float:
        return now(loop) + (paused[0] if threading.get_ident() != mine else 0.0)

    monkeypatch.setattr(asyncio.BaseEventLoop, "time", jumped)
    key = secret(service)
    async with connect(service, "sesame") as client:
        assert "You asked:" in await answered(client)
        paused[0] += 30.0
        assert "You asked:" in await answered(client)
        paused[0] += HOUR
        assert await close_code(client) in (1000, 1011)
    async with connect(service, "sesame") as client:
        assert "You asked:" in await answered(client)
    with pytest.raises(websockets.InvalidStatus, match="401"):  # it has expired
        await connect(service, key)
