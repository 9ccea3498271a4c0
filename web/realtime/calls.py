"""WebRTC signaling over HTTP: OpenAI's calls and WHIP publishers.

Source: the OpenAI Realtime API (POST /v1/realtime/calls) and RFC 9725 (WHIP).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from media.clock import Clock, LiveClock
from media.sizes import SizeLimits
from rtc.congestion.rate_control import send_limits
from rtc.errors import BadOfferError, RtcError
from rtc.ice_servers import IceServer
from rtc.limits import PeerLimits
from rtc.peer import Peer
from web.access.gate import caller_of
from web.config import Settings
from web.context import ServiceContext, service_context, unix_time
from web.ice import ice_servers
from web.problems import ProblemError
from web.protocol.client_events.encoded import parse_json
from web.protocol.client_events.messages import ProtocolError
from web.realtime.call import Call
from web.realtime.delivery import event_number
from web.sessions import SessionKind, SessionRecord

logger = logging.getLogger(__name__)
router = APIRouter()

SDP = "application/sdp"
CALLS = "/v1/realtime/calls"
WHIP = "/whip"


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
    return await _accept(request, "call", body.sdp, CALLS, {**patch, **body.session})


@router.post(WHIP)
async def whip(request: Request) -> Response:
    """Answer the offer of a publisher, which gets captions and no media back."""
    patch = caller_of(request).session
    _check_type(request, SDP)
    sdp = (await request.body()).decode(errors="replace")
    return await _accept(request, "whip", sdp, WHIP, patch)


@router.options(WHIP)
async def options() -> Response:
    """Return the content type of an offer."""
    return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})


@router.post(CALLS + "/{id}")
async def resume_call(request: Request, id: str) -> Response:
    """Go on with a call over a new connection."""
    return await _resume(request, "call", id)


@router.post(WHIP + "/{id}")
async def resume_whip(request: Request, id: str) -> Response:
    """Go on with a publication over a new connection."""
    return await _resume(request, "whip", id)


@router.delete(CALLS + "/{id}")
@router.post(CALLS + "/{id}/hangup")
async def hang_up(request: Request, id: str) -> Response:
    """End a call."""
    return _end(request, "call", id)


@router.delete(WHIP + "/{id}")
async def end_whip(request: Request, id: str) -> Response:
    """End a publication."""
    return _end(request, "whip", id)


async def _accept(
    request: Request, kind: SessionKind, sdp: str, path: str, patch: Mapping[str, Any]
) -> Response:
    """Answer the offer and start the call; `Location` is where it can be resumed and ended."""
    context = service_context(request)
    record = context.sessions.start(kind, caller_of(request))
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(context.sessions.end, record)
        clock = LiveClock()
        peer = await _accept_peer(context.settings, sdp, clock)
        cleanup.push_async_callback(peer.close)
        call = _create_call(context, record, peer, clock, patch, request.query_params)
        context.tasks.create_task(call.run(), name=f"call {record.id}")
        cleanup.pop_all()
    logger.info("session %s started over WebRTC (%s)", record.id, kind)
    headers = {"Location": f"{path}/{record.id}", **_headers(context, record, call)}
    return Response(peer.answer_sdp, 201, headers, media_type=SDP)


async def _resume(request: Request, kind: SessionKind, id: str) -> Response:
    """Answer the offer of a client that comes back to its session."""
    context = service_context(request)
    record = _session(request, kind, id)
    call = record.live
    if not isinstance(call, Call):
        raise ProblemError(409, f"session {record.id} is over", code="session_over")
    _check_type(request, SDP)
    _check_tag(request, call)
    after = _last_event(request)
    sdp = (await request.body()).decode(errors="replace")
    async with AsyncExitStack() as cleanup:
        peer = await _accept_peer(context.settings, sdp, call.clock)
        cleanup.push_async_callback(peer.close)
        if not call.resume(peer, after=after):
            raise ProblemError(409, f"session {record.id} is just ending", code="session_over")
        cleanup.pop_all()
    logger.info("session %s: its client makes another connection", record.id)
    return Response(peer.answer_sdp, 200, _headers(context, record, call), media_type=SDP)


def _headers(context: ServiceContext, record: SessionRecord, call: Call) -> dict[str, str]:
    """Return the headers of an answer."""
    headers = {"ETag": call.tag}
    expires = unix_time() + context.settings.turn_ttl
    servers = ice_servers(context.settings, session=record.id, expires=expires)
    if record.kind == "whip" and servers:
        headers["Link"] = ", ".join(_links(servers))
    return headers


def peer_limits(settings: Settings) -> PeerLimits:
    """Return the limits of one peer."""
    side = settings.video_size
    return PeerLimits(
        frame_size=SizeLimits(longer=side, shorter=side * 9 // 16),
        frame_rate=settings.frame_rate,
        bitrates=send_limits(settings.send_bitrate),
        audio_wait=settings.audio_wait,
        video_wait=settings.video_wait,
        # So a frame is analyzed half an interval late at most.
        substitute_after=min(settings.look_every, settings.look_attentive) / 2,
        gathering_timeout=settings.gathering_timeout,
        connect_timeout=settings.connect_timeout,
        lost_timeout=settings.lost_timeout,
        silence_timeout=settings.call_timeout,
    )


async def _accept_peer(settings: Settings, sdp: str, clock: Clock) -> Peer:
    stun = [IceServer(settings.stun_urls)] if settings.stun_urls else []
    limits = peer_limits(settings)
    try:
        return await Peer.accept(sdp, clock=clock, ice_servers=stun, limits=limits)
    except BadOfferError as error:
        raise ProblemError(400, str(error), code="invalid_offer", param="sdp") from error
    except RtcError as error:
        raise ProblemError(503, str(error), code="unreachable") from error


def _create_call(
    context: ServiceContext,
    record: SessionRecord,
    peer: Peer,
    clock: Clock,
    patch: Mapping[str, Any],
    query: Mapping[str, str],
) -> Call:
    try:
        return Call(
            context,
            record,
            peer,
            clock,
            patch=patch,
            model=query.get("model"),
            eyeline_events=query.get("eyeline") == "1",
        )
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error


def _end(request: Request, kind: SessionKind, id: str) -> Response:
    _session(request, kind, id).request_end("ended by a request")
    return Response(status_code=200)


def _session(request: Request, kind: SessionKind, id: str) -> SessionRecord:
    record = service_context(request).sessions.get(id, caller_of(request))
    if record.kind != kind:
        raise ProblemError(404, f"session {id[:80]!r} is no {kind}")
    return record


def _check_tag(request: Request, call: Call) -> None:
    """Check the precondition of a request, if it has one: RFC 9110, section 13.1.1."""
    tags = request.headers.get("if-match", "*").split(",")
    if not {"*", call.tag} & {tag.strip() for tag in tags}:
        raise ProblemError(
            412,
            "the session has another connection since: If-Match names an older one",
            code="precondition_failed",
        )


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
    if _content_type(request) == SDP:
        return CallRequest((await request.body()).decode(errors="replace"), {})
    if _content_type(request) != "multipart/form-data":
        _check_type(request, SDP)
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


def _check_type(request: Request, expected: str) -> None:
    if _content_type(request) != expected:
        raise ProblemError(
            415,
            f"expected Content-Type {expected}, got {_content_type(request)[:80] or 'none'}",
            headers={"Accept-Post": expected},
        )


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _links(servers: list[IceServer]) -> Iterator[str]:
    """Yield the Link header values for the ICE servers, RFC 9725 section 4.6."""
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None:
                link += f'; username="{server.username}"; credential="{server.credential}"'
                link += '; credential-type="password"'
            yield link
