"""WS /v1/realtime: the OpenAI Realtime protocol over a WebSocket."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from media.clock import LiveClock
from media.events import Output
from rtc.network import NetworkState
from web.access.gate import caller_of
from web.context import ServiceContext, service_context
from web.errors import failure_message
from web.protocol.client_events.messages import ProtocolError
from web.protocol.protocol import RealtimeProtocol
from web.realtime.bridge import SessionBridge
from web.sessions import SessionRecord, SessionsFullError

logger = logging.getLogger(__name__)
router = APIRouter()

SUBPROTOCOL = "realtime"
CLOSE_TIMEOUT = 10.0  # seconds for a client to take part in closing
BETA_GONE = 4000  # close code of OpenAI's service for the same reason
FULL = 1013  # "try again later", IANA registry of WebSocket close codes
FAILED = 1011
GOING_AWAY = 1001
NORMAL = 1000


@router.websocket("/v1/realtime")
async def realtime(websocket: WebSocket) -> None:
    """Run a session of a client that the gate let through."""
    context = service_context(websocket)
    caller = caller_of(websocket)
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    if "openai-beta" in websocket.headers:
        await _refuse_beta(websocket)
        return
    try:
        record = context.sessions.start("websocket", caller)
    except SessionsFullError as error:
        await websocket.close(FULL, error.detail)
        return
    logger.info("session %s started over WebSocket", record.id)
    try:
        await _run_session(context, record, websocket, caller.session)
    finally:
        await context.sessions.end(record)
        seconds = context.clock.now() - record.started
        logger.info("session %s ended after %.1f s: %s", record.id, seconds, record.end_reason)


async def _run_session(
    context: ServiceContext,
    record: SessionRecord,
    websocket: WebSocket,
    patch: Mapping[str, Any],
) -> None:
    query = websocket.query_params
    protocol = RealtimeProtocol(
        record.id,
        context.capabilities,
        model=query.get("model"),
        patch=patch,
        transcription=query.get("intent") == "transcription",
        eyeline_events=query.get("eyeline") == "1",
    )
    bridge = SessionBridge(record, protocol, context.message_worker, context.models.services.images)
    limits = replace(context.models.limits, lossless=True)  # audio may come faster than speech

    async def read() -> None:
        await _read(context, bridge, websocket)

    async def send(output: Output) -> None:
        await bridge.emit(output)

    async with asyncio.TaskGroup() as tasks:
        timeout = context.settings.websocket_timeout
        tasks.create_task(_write(bridge, websocket, timeout), name="write")
        await bridge.open()
        work = bridge.run(
            context, LiveClock(), read, send, network_stats=_no_network_stats, limits=limits
        )
        failure = await failure_message(work, f"session {record.id}")
        if failure is not None:
            await bridge.fail(failure)
        await bridge.outgoing.close()
    if websocket.application_state is WebSocketState.CONNECTED:
        code = GOING_AWAY if context.closing.is_set() else NORMAL
        await _close(websocket, code if failure is None else FAILED)


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


async def _read(context: ServiceContext, bridge: SessionBridge, websocket: WebSocket) -> None:
    """Pass on the client's messages until it leaves, or is silent for too long."""
    timeout = context.settings.silence_timeout or None
    max_size = context.settings.max_message_size
    while True:
        try:
            async with asyncio.timeout(timeout):
                message = await websocket.receive()
        except TimeoutError:
            reason = f"no message for {timeout:.0f} s: the session ends"
            await bridge.refuse(ProtocolError(reason, code="session_silent"))
            bridge.record.end_reason = bridge.record.end_reason or reason
            return
        if message["type"] == "websocket.disconnect":
            bridge.record.end_reason = bridge.record.end_reason or _describe(message)
            return
        text = message.get("text")
        if text is None:
            reason = "binary frames are not part of this protocol: send audio as base64 in JSON"
            await bridge.refuse(ProtocolError(reason, code="invalid_frame"))
        elif len(text) > max_size:
            reason = (
                f"a message may have {max_size} characters, this one has {len(text)}: send less"
            )
            await bridge.refuse(ProtocolError(reason, code="message_too_large"))
        else:
            await bridge.receive_message(text)


def _describe(message: Mapping[str, Any]) -> str:
    """Return why a client has left, as far as its last message says."""
    return f"the client left, code {message.get('code')} {message.get('reason') or ''}".rstrip()


async def _write(bridge: SessionBridge, websocket: WebSocket, timeout: float) -> None:  # noqa: ASYNC109
    """Send events; end the session when the client is gone or reads nothing for `timeout` s."""
    connected = True
    async for event in bridge.outgoing:
        if not connected:
            continue
        try:
            async with asyncio.timeout(timeout):
                await websocket.send_text(await bridge.text_of(event))
        except TimeoutError:
            connected = False
            bridge.record.request_end(f"the client read nothing for {timeout:g} s")
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: closed already
            connected = False
            bridge.record.request_end("the client left")


async def _close(websocket: WebSocket, code: int) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await websocket.close(code)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        logger.debug("the client left before the connection was closed")


async def _no_network_stats() -> NetworkState | None:
    """Return None: the state of the network is unknown over a WebSocket."""
    return None
