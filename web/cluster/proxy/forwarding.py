"""Passes requests on to the edge that has their session.

It is behind the gate, so the caller is known and the body bounded; the other edge checks both
again, by the headers that go along.
"""

from collections.abc import Coroutine

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.access.gate import refuse
from web.cluster.edge import Edge, edge_of
from web.cluster.proxy.http_proxy import EdgeUnreachableError, MisdirectedError
from web.cluster.proxy.routing import (
    CHAT,
    MISDIRECTED,
    opens_session,
    session_in_chat,
    session_in_path,
    was_forwarded,
)
from web.cluster.proxy.websocket_proxy import proxy_websocket
from web.problems import ProblemError

MAX_TRIES = 3  # edges that may turn out to be gone, one after the other


class Forwarding:
    """Middleware of an edge: serves what is for this one."""

    def __init__(self, app: ASGIApp, service: FastAPI) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        edge = edge_of(self._service)
        session = session_in_path(scope)
        if scope["type"] == "http" and scope["path"] == CHAT:
            body, receive = await read_body(receive)
            session = session_in_chat(body)
        rest: Receive | None = receive
        try:
            if not was_forwarded(scope):
                rest = await _pass_on(edge, session, scope, receive, send)
            elif session is not None and not await edge.has_soon(session):
                raise _misdirected(session)
        except ProblemError as problem:
            await refuse(problem, scope, receive, send)
            return
        if rest is not None:
            await self._app(scope, rest, send)


async def _pass_on(
    edge: Edge, session: str | None, scope: Scope, receive: Receive, send: Send
) -> Receive | None:
    """Pass a request on if it is for another edge; return what receives it if it is for this."""
    body, rest = b"", receive
    for number in range(MAX_TRIES):
        url = await _target(edge, scope, session)
        if url is None:
            break
        if scope["type"] == "websocket":
            passing = proxy_websocket(url, edge.id, scope, receive, send, edge.left)
        else:
            if number == 0:
                body, rest = await read_body(receive)
            passing = edge.proxy.forward(url, edge.id, body, scope, receive, send)
        if await _succeeds(passing, edge, session, url):
            return None
    return rest


async def _succeeds(
    passing: Coroutine[None, None, None], edge: Edge, session: str | None, url: str
) -> bool:
    """Return whether a request could be passed on to `url`; otherwise another edge is found."""
    try:
        await passing
    except EdgeUnreachableError:
        if session is not None:
            await edge.wait_gone(session, url)
        return False
    except MisdirectedError:
        if session is not None:
            edge.owners.forget(session)
        return False
    return True


def _misdirected(session: str) -> ProblemError:
    return ProblemError(MISDIRECTED, f"this machine does not have session {session}")


async def _target(edge: Edge, scope: Scope, session: str | None) -> str | None:
    """Return the URL of the edge that serves a request, None if that is this one."""
    if session is not None:
        return await edge.url_of(session)
    return await edge.place() if opens_session(scope) else None


async def read_body(receive: Receive) -> tuple[bytes, Receive]:
    """Return the body of a request, and what receives it once more."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body, given = b"".join(parts), False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again
