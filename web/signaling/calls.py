"""Calls over HTTP, as OpenAI's clients make them, and how they are taken up again.

Source: the OpenAI Realtime API (POST /v1/realtime/calls).
"""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from media.clock import Clock, LiveClock
from rtc.peer import Peer
from web.access.gate import caller_of
from web.context import ServiceContext, service_context
from web.problems import ProblemError
from web.protocol.client_events.encoded import parse_json
from web.protocol.client_events.messages import ProtocolError
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import query_patch
from web.protocol.session_update import merged
from web.realtime.call import Call, CallMedia
from web.realtime.lines.delivery import event_number
from web.sessions.record import SessionKind, SessionRecord
from web.signaling.offers import (
    SDP,
    accept_peer,
    change_path,
    check_tag,
    check_type,
    content_type,
    ice_links,
    live_call,
    newest_line,
    read_sdp,
    session_of,
)
from web.signaling.reviving import revive

logger = logging.getLogger(__name__)
router = APIRouter()

CALLS = "/v1/realtime/calls"


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The body of a request for a call: an SDP offer and a session object."""

    sdp: str
    session: Mapping[str, Any]


@router.post(CALLS)
async def call(request: Request) -> Response:
    """Answer the offer of an OpenAI client or of the page."""
    patch = caller_of(request).session
    body = await _call_request(request)
    return await start_call(request, "call", body.sdp, CALLS, {**patch, **body.session})


@router.post(CALLS + "/{id}")
async def resume(request: Request, id: str) -> Response:
    """Go on with a call over a new connection."""
    context, caller = service_context(request), caller_of(request)
    if context.sessions.find(id, caller) is None:
        await revive(context, caller, id, _last_event(request) or 0)
    return await resume_call(request, session_of(request, "call", id))


@router.patch(CALLS + "/{id}")
async def patch(request: Request, id: str) -> Response:
    """Take late candidates, or restart ICE."""
    return await change_path(request, newest_line(session_of(request, "call", id)))


@router.delete(CALLS + "/{id}")
@router.post(CALLS + "/{id}/hangup")
async def hang_up(request: Request, id: str) -> Response:
    """End a call."""
    session_of(request, "call", id).request_end("ended by a request")
    return Response(status_code=200)


async def start_call(
    request: Request, kind: SessionKind, sdp: str, path: str, patch: Mapping[str, Any]
) -> Response:
    """Answer the offer and start the call; `Location` is where it can be resumed and ended."""
    context = service_context(request)
    record = await context.start_session(kind, caller_of(request))
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(context.end_session, record)
        clock = LiveClock()
        peer = await accept_peer(context.settings, sdp, clock)
        cleanup.push_async_callback(peer.close)
        call = _create_call(context, record, peer, clock, patch, request.query_params)
        context.tasks.create_task(call.run(), name=f"call {record.id}")
        cleanup.pop_all()
    logger.info("session %s started over WebRTC (%s)", record.id, kind)
    headers = {"Location": f"{path}/{record.id}", **_headers(context, record, call)}
    return Response(peer.answer_sdp, 201, headers, media_type=SDP)


async def resume_call(request: Request, record: SessionRecord) -> Response:
    """Answer the offer of a client that comes back to its session."""
    context, call = service_context(request), live_call(record)
    if call.newest is not None:
        check_tag(request, call.newest.tag)
    after = _last_event(request)
    sdp = await read_sdp(request)
    async with AsyncExitStack() as cleanup:
        peer = await accept_peer(context.settings, sdp, call.clock)
        cleanup.push_async_callback(peer.close)
        if not call.resume(call.line(peer), after=after):
            raise ProblemError(409, f"session {record.id} is just ending", code="session_over")
        cleanup.pop_all()
    logger.info("session %s: its client makes another connection", record.id)
    return Response(peer.answer_sdp, 200, _headers(context, record, call), media_type=SDP)


def _headers(context: ServiceContext, record: SessionRecord, call: Call) -> dict[str, str]:
    """Return the headers of an answer."""
    links = ice_links(context, record.id) if record.kind == "whip" else {}
    assert call.newest is not None
    return {"ETag": call.newest.tag, **links}


def _create_call(
    context: ServiceContext,
    record: SessionRecord,
    peer: Peer,
    clock: Clock,
    patch: Mapping[str, Any],
    query: Mapping[str, str],
) -> Call:
    media = CallMedia.of(peer, record.kind, resumable=query.get("resumable") == "1")
    try:
        protocol = RealtimeProtocol(
            record.id,
            media.limited(context.capabilities),
            model=query.get("model"),
            patch=merged(query_patch(query), patch),
            eyeline_events=query.get("eyeline") == "1",
            on_track=True,
            answers=not media.publisher,
        )
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    call = Call(context, record, protocol, clock, media)
    call.begin(call.line(peer))
    return call


def _last_event(request: Request) -> int | None:
    """Return the number of the last event that the client has, if it says so."""
    id = request.headers.get("last-event-id", "")
    if not id:
        return None
    try:
        return event_number(id)
    except ValueError as error:
        raise ProblemError(
            400, "Last-Event-ID: expected the event_id of an event", param="Last-Event-ID"
        ) from error


async def _call_request(request: Request) -> CallRequest:
    """Return the body of a request for a call: SDP, or a form of `sdp` and `session`."""
    if content_type(request) == SDP:
        return CallRequest((await request.body()).decode(errors="replace"), {})
    if content_type(request) != "multipart/form-data":
        check_type(request, SDP)
    async with request.form(max_files=2, max_fields=8) as form:
        sdp, session = await _field(form, "sdp"), await _field(form, "session")
    if not sdp:
        raise ProblemError(400, "sdp: expected the offer in this field of the form", param="sdp")
    try:
        patch = parse_json(session or "{}")
    except ValueError as error:
        raise ProblemError(400, "session: expected JSON", param="session") from error
    if not isinstance(patch, dict):
        raise ProblemError(400, "session: expected a JSON object", param="session")
    return CallRequest(sdp, patch)


async def _field(form: FormData, name: str) -> str:
    """Return a field of `form`; clients send it as text or as a file."""
    value = form.get(name, "")
    if isinstance(value, UploadFile):
        return (await value.read()).decode(errors="replace")
    return value
