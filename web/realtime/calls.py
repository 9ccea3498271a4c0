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
    """Answer the offer and start the call; `Location` is where it can be ended."""
    context = service_context(request)
    record = context.sessions.start(kind, caller_of(request))
    expires = unix_time() + context.settings.turn_ttl
    servers = ice_servers(context.settings, session=record.id, expires=expires)
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(context.sessions.end, record)
        clock = LiveClock()
        peer = await _accept_peer(sdp, clock, servers, peer_limits(context.settings))
        cleanup.push_async_callback(peer.close)
        call = _create_call(context, record, peer, clock, patch, request.query_params)
        context.tasks.create_task(call.run(), name=f"call {record.id}")
        cleanup.pop_all()
    logger.info("session %s started over WebRTC (%s)", record.id, kind)
    headers = {"Location": f"{path}/{record.id}", "ETag": f'"{record.id}"'}
    if kind == "whip" and servers:
        headers["Link"] = ", ".join(_links(servers))
    return Response(peer.answer_sdp, 201, headers, media_type=SDP)


def peer_limits(settings: Settings) -> PeerLimits:
    """Return the limits of one peer."""
    side = settings.video_size
    return PeerLimits(
        frame_size=SizeLimits(longer=side, shorter=side * 9 // 16),
        frame_rate=settings.frame_rate,
        audio_wait=settings.audio_wait,
        video_wait=settings.video_wait,
        # So a frame is analyzed half an interval late at most.
        substitute_after=min(settings.look_every, settings.look_attentive) / 2,
        gathering_timeout=settings.gathering_timeout,
        connect_timeout=settings.connect_timeout,
        silence_timeout=settings.call_timeout,
    )


async def _accept_peer(
    sdp: str, clock: Clock, servers: list[IceServer], limits: PeerLimits
) -> Peer:
    stun = [server for server in servers if server.username is None]
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
    record = service_context(request).sessions.get(id, caller_of(request))
    if record.kind != kind:
        raise ProblemError(404, f"session {id[:80]!r} is no {kind}")
    record.request_end("ended by a request")
    return Response(status_code=200)


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
