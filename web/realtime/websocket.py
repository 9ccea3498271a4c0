"""WS /v1/realtime: the OpenAI Realtime protocol over a WebSocket, and how a client comes back."""

import json
import logging
from typing import Any

from fastapi import APIRouter, WebSocket

from web.access.auth import Caller
from web.access.gate import caller_of
from web.context import ServiceContext, service_context
from web.problems import ProblemError
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import query_patch
from web.protocol.session_update import merged
from web.realtime.lines.delivery import event_number
from web.realtime.lines.websocket_line import WebSocketLine
from web.realtime.websocket_session import WebSocketSession

logger = logging.getLogger(__name__)
router = APIRouter()

SUBPROTOCOL = "realtime"
BETA_GONE = 4000  # close code of OpenAI's service for the same reason
NOT_RESUMED = 4404  # private use, RFC 6455, section 7.4.2
FULL = 1013  # "try again later", IANA registry of WebSocket close codes


@router.websocket("/v1/realtime")
async def realtime(websocket: WebSocket) -> None:
    """Serve one connection of a client that the gate let through."""
    context = service_context(websocket)
    caller = caller_of(websocket)
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    if "openai-beta" in websocket.headers:
        await _refuse_beta(context, websocket)
    elif "session" in websocket.query_params:
        await _resume(context, caller, websocket)
    else:
        await _start(context, caller, websocket)


async def _start(context: ServiceContext, caller: Caller, websocket: WebSocket) -> None:
    """Run a new session, and serve its first connection."""
    query = websocket.query_params
    try:
        record = await context.start_session("websocket", caller)
    except ProblemError as error:
        context.doorkeeper.audit.session(caller, "start websocket", error.code or "refused")
        await websocket.close(FULL, error.detail)
        return
    try:
        protocol = RealtimeProtocol(
            record.id,
            context.capabilities,
            model=query.get("model"),
            patch=merged(query_patch(query), caller.session),
            transcription=query.get("intent") == "transcription",
            eyeline_events=query.get("eyeline") == "1",
        )
        session = WebSocketSession(context, record, protocol)
        resumable = query.get("resumable") == "1"
        line = WebSocketLine(websocket, session.bridge, context.settings, resumable=resumable)
        session.begin(line)
    except BaseException:
        await context.end_session(record)
        raise
    logger.info("session %s started over WebSocket", record.id)
    context.tasks.create_task(session.run(), name=f"session {record.id}")
    await line.closed.wait()


async def _resume(context: ServiceContext, caller: Caller, websocket: WebSocket) -> None:
    """Serve another connection of a session whose client comes back."""
    id, last = websocket.query_params["session"], websocket.query_params.get("last_event_id")
    try:
        after = None if last is None else event_number(last)
    except ValueError:
        reason = "last_event_id: expected the event_id of an event"
        await _refuse(context, websocket, "invalid_value", reason, NOT_RESUMED)
        return
    record = context.sessions.find(id, caller)
    live = None if record is None else record.live
    if record is None or not isinstance(live, WebSocketSession):
        reason = f"session {id[:80]!r} is over, or none over a WebSocket: start another one"
        await _refuse(context, websocket, "session_over", reason, NOT_RESUMED)
        return
    line = WebSocketLine(websocket, live.bridge, context.settings, resumable=True)
    if not live.resume(line, after=after):
        reason = f"session {id} is just ending"
        await _refuse(context, websocket, "session_over", reason, NOT_RESUMED)
        return
    logger.info("session %s: its client made another connection", record.id)
    await line.closed.wait()


async def _refuse_beta(context: ServiceContext, websocket: WebSocket) -> None:
    message = (
        "the beta Realtime API is gone: leave out the OpenAI-Beta header and use the GA events"
    )
    await _refuse(context, websocket, "beta_api_shape_disabled", message, BETA_GONE)


async def _refuse(
    context: ServiceContext, websocket: WebSocket, code: str, message: str, close_code: int
) -> None:
    """Send an error event, and close with `close_code`; the handshake has another audit line."""
    context.doorkeeper.audit.session(caller_of(websocket), "go on with websocket", code)
    error: dict[str, Any] = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": None,
        "event_id": None,
    }
    event = {"type": "error", "event_id": "event_refused", "error": error}
    await websocket.send_text(json.dumps(event))
    await websocket.close(close_code, message)
