"""A WebSocket passed on to the edge that has its session."""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from web.cluster.proxy.http_proxy import (
    CONNECT_TIMEOUT,
    EdgeUnreachableError,
    MisdirectedError,
    origin,
    passed_on,
    target_of,
)
from web.cluster.proxy.routing import MISDIRECTED

RESTART = 1012  # "service restart", IANA registry of WebSocket close codes
NO_STATUS = 1005


async def proxy_websocket(
    url: str, own_id: str, scope: Scope, receive: Receive, send: Send, left: asyncio.Event
) -> None:
    """Connect the client to the edge at `url`, and pass messages both ways until one side ends.

    If that edge is gone, or this one has `left`, the client is closed with code 1012: it comes back
    to its session.

    Raises:
        EdgeUnreachableError: the edge takes no connection.
        MisdirectedError: it does not have the session.
    """
    offered = [Subprotocol(each) for each in scope["subprotocols"]]
    try:
        upstream = await connect(
            url.replace("http", "ws", 1) + target_of(scope),
            subprotocols=offered or None,
            additional_headers=_headers(scope, own_id),
            compression=None,
            max_size=None,
            open_timeout=CONNECT_TIMEOUT,
            ping_interval=None,  # both ends ask
            proxy=None,
        )
    except InvalidStatus as error:
        if error.response.status_code == MISDIRECTED:
            raise MisdirectedError(url) from error
        await _deny(error, receive, send)
        return
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise EdgeUnreachableError(str(error)) from error
    try:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
        async with asyncio.TaskGroup() as tasks:
            up = tasks.create_task(_pass_up(receive, upstream), name="to the edge")
            down = tasks.create_task(_pass_down(upstream, send), name="to the client")
            leaving = tasks.create_task(_go_away(left, send), name="until this edge leaves")
            running = {up, down, leaving}
            for task in running:
                task.add_done_callback(lambda _: [each.cancel() for each in running])
    finally:
        upstream.transport.abort()


def _headers(scope: Scope, own_id: str) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in [*passed_on(scope["headers"]), *origin(scope, own_id)]
        if not name.lower().startswith(b"sec-websocket-")
    ]


async def _pass_up(receive: Receive, upstream: ClientConnection) -> None:
    """Pass on what the client sends, and how it leaves."""
    with suppress(ConnectionClosed):
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                # As a client that left without a close frame, it may come back.
                if "reason" not in message or message.get("code") == NO_STATUS:
                    upstream.transport.abort()
                else:
                    await upstream.close(message["code"], message.get("reason") or "")
                return
            text, data = message.get("text"), message.get("bytes")
            await upstream.send(text if text is not None else data or b"")


async def _pass_down(upstream: ClientConnection, send: Send) -> None:
    """Pass on what the edge sends, and how it ends the connection."""
    try:
        async for message in upstream:
            key = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", key: message})
    except ConnectionClosed:
        pass
    except OSError:
        return  # the client has left
    code = upstream.close_code
    if code in (None, 1006):
        code = RESTART
    with suppress(OSError, RuntimeError):
        reason = upstream.close_reason or ""
        code = 1000 if code == NO_STATUS else code
        await send({"type": "websocket.close", "code": code, "reason": reason})


async def _go_away(left: asyncio.Event, send: Send) -> None:
    """Close the client's connection once this edge has left the cluster."""
    await left.wait()
    with suppress(OSError, RuntimeError):  # it is closed already
        await send({"type": "websocket.close", "code": RESTART, "reason": ""})


async def _deny(error: InvalidStatus, receive: Receive, send: Send) -> None:
    """Pass on the response to a handshake that the edge refused."""
    response = error.response
    await receive()
    headers = passed_on((n.encode(), v.encode()) for n, v in response.headers.raw_items())
    start = {"type": "websocket.http.response.start", "status": response.status_code}
    await send({**start, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": bytes(response.body or b"")})
