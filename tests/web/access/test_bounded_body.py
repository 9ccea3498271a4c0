"""Bodies of requests: their size and pace, checked while they arrive."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from web.access.bounded_body import DISCONNECT, BodyLimits, BoundedBody

LIMITS = BodyLimits(size=100, advice="send less", time=60, pace=1e6)


class Client:
    """Sends `parts`, then nothing more; `taken` counts what was received of it."""

    def __init__(self, parts: list[bytes], *, complete: bool = True) -> None:
        self.taken = 0
        self._parts = parts
        self._complete = complete

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.get_running_loop().create_future()
        part = self._parts.pop(0)
        self.taken += len(part)
        more = bool(self._parts) or not self._complete
        return {"type": "http.request", "body": part, "more_body": more}


def body_of(client: Client, limits: BodyLimits = LIMITS, *, declared: str = "") -> BoundedBody:
    return BoundedBody(client.receive, limits, declared=declared)


async def read(body: BoundedBody) -> bytes:
    """Return the body as far as the application gets it."""
    received = b""
    while (message := await body.receive()) != DISCONNECT:
        received += message["body"]
        if not message["more_body"]:
            break
    return received


@given(parts=st.lists(st.binary(max_size=40), min_size=1, max_size=8), limit=st.integers(0, 150))
def test_a_body_passes_whole_or_is_cut_at_its_first_byte_too_many(
    parts: list[bytes], limit: int
) -> None:
    sent = b"".join(parts)
    largest = max(map(len, parts))
    client = Client(list(parts))
    limits = BodyLimits(size=limit, advice="send less", time=60, pace=1e6)
    body = body_of(client, limits)
    received = asyncio.run(read(body))
    if len(sent) <= limit:
        assert body.problem is None
        assert received == sent
    else:
        assert body.problem is not None
        assert body.problem.status == 413
        assert len(received) <= limit
        assert client.taken <= limit + largest  # nothing is read once it is too much
        assert asyncio.run(body.receive()) == DISCONNECT


@pytest.mark.parametrize("declared", ["101", "000101", "9" * 5000])
def test_a_declared_size_is_refused_before_anything_is_read(declared: str) -> None:
    body = body_of(Client([b"a"]), declared=declared)
    assert body.problem is not None
    assert body.problem.status == 413
    assert "send less" in body.problem.detail


@pytest.mark.parametrize("declared", ["", "100", "0000000100", "-1", "1e9", "²"])
def test_what_is_declared_within_the_limit_or_malformed_is_measured(declared: str) -> None:
    assert body_of(Client([b"a"]), declared=declared).problem is None


async def test_a_body_that_stops_is_given_up() -> None:
    limits = BodyLimits(size=100, advice="", time=0.01, pace=1e9)
    body = body_of(Client([b"half"], complete=False), limits)
    assert await read(body) == b"half"
    assert body.problem is not None
    assert body.problem.status == 408


async def test_a_large_body_has_more_time() -> None:
    def reading(pace: float) -> tuple[BoundedBody, asyncio.Task[bytes]]:
        limits = BodyLimits(size=100, advice="", time=0.0, pace=pace)
        body = body_of(Client([b"half"], complete=False), limits)
        return body, asyncio.get_running_loop().create_task(read(body))

    quick, quick_task = reading(pace=1e9)
    slow, slow_task = reading(pace=1e-6)
    await quick_task
    assert quick.problem is not None
    assert not slow_task.done()
    assert slow.problem is None
    slow_task.cancel()


async def test_the_end_of_a_complete_request_may_take_any_time() -> None:
    limits = BodyLimits(size=100, advice="", time=0.01, pace=1e9)
    body = body_of(Client([b"all"]), limits)
    assert await read(body) == b"all"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await body.receive()  # waits for the client to leave
    assert body.problem is None
