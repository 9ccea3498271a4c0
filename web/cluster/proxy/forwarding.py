"""Passes requests on to the edge that has their session.

It is behind the gate, so the caller is known and the body bounded; the other edge checks both
again, by the headers that go along.
"""

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.cluster.edge import Edge, edge_of
from web.cluster.proxy.http_proxy import EdgeUnreachableError
from web.cluster.proxy.routing import (
    CHAT,
    opens_session,
    session_in_chat,
    session_in_path,
    was_forwarded,
)
from web.cluster.proxy.websocket_proxy import proxy_websocket

MAX_TRIES = 3  # edges that may turn out to be gone, one after the other


class Forwarding:
    """Middleware of an edge: serves what is for this one."""

    def __init__(self, app: ASGIApp, service: FastAPI) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or was_forwarded(scope):
            await self._app(scope, receive, send)
            return
        edge = edge_of(self._service)
        session = session_in_path(scope)
        if scope["type"] == "http" and scope["path"] == CHAT:
            body, receive = await read_body(receive)
            session = session_in_chat(body)
        for _ in range(MAX_TRIES):
            url = await _target(edge, scope, session)
            if url is None:
                break
            try:
                if scope["type"] == "websocket":
                    await proxy_websocket(url, edge.id, scope, receive, send)
                else:
                    body, receive = await read_body(receive)
                    await edge.proxy.forward(url, edge.id, body, scope, receive, send)
            except EdgeUnreachableError:
                if session is not None:
                    await edge.wait_gone(session, url)
                continue
            return
        await self._app(scope, receive, send)


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
