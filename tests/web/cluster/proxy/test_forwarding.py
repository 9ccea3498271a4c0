"""Requests for an edge that turns out to be gone, or not to have their session."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from web.cluster.proxy import forwarding
from web.cluster.proxy.forwarding import Forwarding
from web.cluster.proxy.http_proxy import EdgeUnreachableError, HttpProxy, MisdirectedError
from web.problems import ProblemError

SESSION = "sess_0123456789abcdef"


class ScriptedEdge:
    """An edge that knows of others what it is told, and whose requests to them end as `ends` say.

    An end is an error, or None; after each the registry names the next of `urls`.
    """

    id = "edge-1"

    def __init__(self, urls: list[str | ProblemError | None], ends: list[Exception | None]) -> None:
        self.urls, self.ends = urls, ends
        self.passed: list[tuple[str, bytes]] = []
        self.here = False
        self.forgotten: list[str] = []
        self.proxy = self
        self.owners = SimpleNamespace(forget=self.forgotten.append)

    async def url_of(self, session: str) -> str | None:
        url = self.urls.pop(0)
        if isinstance(url, ProblemError):
            raise url
        return url

    async def has_soon(self, session: str) -> bool:
        return self.here

    async def wait_gone(self, session: str, url: str) -> None:
        self.forgotten.append(session)

    async def forward(
        self, url: str, own_id: str, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.passed.append((url, body))
        if (error := self.ends.pop(0)) is not None:
            raise error
        await send({"type": "passed"})


async def answered(
    edge: ScriptedEdge, monkeypatch: pytest.MonkeyPatch, *headers: tuple[bytes, bytes]
) -> list[Message]:
    """Return what a PATCH with the body "abc" is answered; this machine answers with its body."""
    monkeypatch.setattr(forwarding, "edge_of", lambda service: edge)
    parts = [b"ab", b"c"]
    sent: list[Message] = []

    async def receive() -> Message:
        assert parts, "nothing comes after the body"
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def here(scope: Scope, receive: Receive, send: Send) -> None:
        body, _ = await forwarding.read_body(receive)
        await send({"type": "here", "body": body})

    path = f"/v1/realtime/calls/{SESSION}"
    scope: dict[str, Any] = {"type": "http", "method": "PATCH", "path": path}
    service: Any = None
    await Forwarding(here, service)({**scope, "headers": list(headers)}, receive, send)
    return sent


@pytest.mark.parametrize("error", [EdgeUnreachableError("gone"), MisdirectedError("moved")])
async def test_a_request_finds_its_session_at_the_next_edge_with_its_whole_body(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    edge = ScriptedEdge(["http://a", "http://b"], [error, None])
    assert await answered(edge, monkeypatch) == [{"type": "passed"}]
    assert edge.passed == [("http://a", b"abc"), ("http://b", b"abc")]
    assert edge.forgotten == [SESSION]
    edge = ScriptedEdge(["http://a", None], [error])
    assert await answered(edge, monkeypatch) == [{"type": "here", "body": b"abc"}]


async def test_a_session_of_which_nobody_can_say_where_it_is_may_be_there_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edge = ScriptedEdge([ProblemError(503, "nobody knows")], [])
    assert (await answered(edge, monkeypatch))[0]["status"] == 503


async def test_a_request_that_was_passed_on_is_refused_where_its_session_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed_on = (b"x-eyeline-edge", b"edge-2")
    edge = ScriptedEdge([], [])
    assert (await answered(edge, monkeypatch, passed_on))[0]["status"] == 421
    edge.here = True
    assert await answered(edge, monkeypatch, passed_on) == [{"type": "here", "body": b"abc"}]


async def test_what_an_edge_may_still_be_doing_is_not_asked_of_another() -> None:
    """A request that is not answered in time is answered with that, and not passed on again."""

    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came")

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        raise AssertionError(message)

    proxy = HttpProxy()
    proxy._transport = cast("httpx.AsyncHTTPTransport", httpx.MockTransport(slow))
    scope = {"method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": []}
    with pytest.raises(ProblemError, match="did not answer within 60 s") as problem:
        await proxy.forward("http://a", "edge-1", b"{}", scope, receive, send)
    assert problem.value.status == 504
