"""WS /v1/realtime: the OpenAI Realtime protocol over a WebSocket."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from media.clock import LiveClock
from media.events import Output
from rtc.network import NetworkState
from web.auth import bearer_token, subprotocol_key
from web.context import ServiceContext, service_context
from web.errors import failure_message
from web.problems import ProblemError, problem_response
from web.protocol import protocol as conversation
from web.protocol.messages import ProtocolError
from web.realtime.bridge import SessionBridge
from web.sessions import SessionRecord, SessionsFullError

logger = logging.getLogger(__name__)
router = APIRouter()

PROTOCOL = "realtime"
SEND_TIMEOUT = 30.0  # seconds that a client may leave what it is sent unread
BETA_GONE = 4000  # close code of the real API for the same reason
FULL = 1013  # "try again later", IANA registry of WebSocket close codes
FAILED = 1011
GOING_AWAY = 1001
NORMAL = 1000


@router.websocket("/v1/realtime")
async def realtime(websocket: WebSocket) -> None:
    """Hold one conversation, or refuse it before anything of it is made."""
    context = service_context(websocket)
    try:
        wish = _admitted(context, websocket)
    except ProblemError as problem:
        await websocket.send_denial_response(problem_response(problem))
        return
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    if "openai-beta" in websocket.headers:
        await _refuse_beta(websocket)
        return
    try:
        live = context.sessions.start("websocket")
    except SessionsFullError as error:
        await websocket.close(FULL, error.detail)
        return
    logger.info("session %s began over WebSocket", live.id)
    try:
        await _converse(context, live, websocket, wish)
    finally:
        await context.sessions.end(live)
        seconds = context.clock.now() - live.started
        logger.info("session %s ended after %.1f s", live.id, seconds)


async def _converse(
    context: ServiceContext, live: SessionRecord, websocket: WebSocket, wish: Mapping[str, Any]
) -> None:
    query = websocket.query_params
    opening = conversation.begin(
        live.id,
        context.capabilities,
        model=query.get("model"),
        wish=wish,
        transcription=query.get("intent") == "transcription",
        own_events=query.get("eyeline") == "1",
    )
    link = SessionBridge(live, opening, context.models.services.vad_worker)
    clock = LiveClock()
    limits = replace(context.models.limits, lossless=True)  # a client may send faster than speech

    async def read() -> None:
        await _read(context, link, websocket)

    async def send(output: Output) -> None:
        await link.emit(output)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(link, websocket), name="write")
        await link.open()
        work = link.run(context, clock, read, send, measure=_unknown, limits=limits)
        failure = await failure_message(work, f"session {live.id}")
        if failure is not None:
            await link.fail(failure)
        await link.outgoing.close()
    if websocket.application_state is WebSocketState.CONNECTED:
        ended = GOING_AWAY if context.closing.is_set() else NORMAL
        await _close(websocket, ended if failure is None else FAILED)


def _admitted(context: ServiceContext, websocket: WebSocket) -> Mapping[str, Any]:
    """Check where the client comes from and its key; return the session its secret stands for.

    Raises:
        ProblemError: it may not come in.
    """
    origin = websocket.headers.get("origin")
    home = origin is None or urlsplit(origin).netloc == websocket.headers.get("host")
    allowed = context.settings.origins
    if not home and "*" not in allowed and origin not in allowed:
        # a page of another site must not reach the service through its visitor's browser
        raise ProblemError(
            403, f"origin {str(origin)[:200]} is not allowed: add it to EYELINE_ORIGINS"
        )
    key = bearer_token(websocket.headers) or subprotocol_key(websocket.scope["subprotocols"])
    return context.keys.authenticate(key, now=context.clock.now())


async def _refuse_beta(websocket: WebSocket) -> None:
    message = (
        "the beta Realtime API is gone: leave out the OpenAI-Beta header and use the GA events"
    )
    error = {
        "type": "invalid_request_error",
        "code": "beta_api_shape_disabled",
        "message": message,
        "param": None,
        "event_id": None,
    }
    event = {"type": "error", "event_id": "event_beta", "error": error}
    await websocket.send_text(json.dumps(event))
    await websocket.close(BETA_GONE, message)


async def _read(context: ServiceContext, link: SessionBridge, websocket: WebSocket) -> None:
    """Feed `link` with the client's messages until it leaves, or is silent for too long."""
    patience = context.settings.silence_timeout or None
    longest = context.settings.max_message_size
    while True:
        try:
            async with asyncio.timeout(patience):
                message = await websocket.receive()
        except TimeoutError:
            told = f"no message for {patience:.0f} s: the session ends"
            await link.refuse(ProtocolError(told, code="session_silent"))
            return
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            told = "binary frames are not part of this protocol: send sound as base64 in JSON"
            await link.refuse(ProtocolError(told, code="invalid_frame"))
        elif len(text) > longest:
            told = f"a message may have {longest} characters, this one has {len(text)}: send less"
            await link.refuse(ProtocolError(told, code="message_too_large"))
        else:
            await link.receive(text)


async def _write(link: SessionBridge, websocket: WebSocket) -> None:
    """Send what is said; when the client is gone or reads nothing, let the session end."""
    reachable = True
    async for event in link.outgoing:
        if not reachable:
            continue
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await websocket.send_text(json.dumps(event))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: closed already
            reachable = False
            link.live.end_requested.set()


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        async with asyncio.timeout(SEND_TIMEOUT):
            await websocket.close(code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        logger.debug("a client was gone before it was told so")


async def _unknown() -> NetworkState | None:
    """Return nothing: a WebSocket does not tell how its network does."""
    return None
