"""WebRTC over HTTP: OpenAI's calls and WHIP; an offer in, an answer out, and the call in between.

Source: the OpenAI Realtime API (POST /v1/realtime/calls) and RFC 9725 (WHIP).
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from media.clock import Clock, LiveClock
from media.video import SizeLimits
from rtc.errors import BadOfferError, RtcError
from rtc.ice_servers import IceServer
from rtc.peer import Peer, PeerLimits
from web.config import Settings
from web.context import ServiceContext, authenticate, service_context, unix_time
from web.ice import ice_servers
from web.problems import ProblemError
from web.protocol.messages import ProtocolError
from web.realtime.call import Call
from web.sessions import SessionKind, SessionRecord

logger = logging.getLogger(__name__)
router = APIRouter()

SDP = "application/sdp"
LONGEST_OFFER = 262_144  # bytes of a request that brings an offer, its session included
CALLS = "/v1/realtime/calls"
WHIP = "/whip"


@dataclass(frozen=True, slots=True)
class Offered:
    """What a client sent: its SDP and the session it wishes for."""

    sdp: str
    session: Mapping[str, Any]


@router.post(CALLS)
async def call(request: Request) -> Response:
    """Take a call from an OpenAI client or the demo page."""
    wish = await authenticate(request)
    offered = await _offered(request)
    return await _accept(request, "call", offered.sdp, CALLS, {**wish, **offered.session})


@router.post(WHIP)
async def whip(request: Request) -> Response:
    """Take a publisher: its sound is captioned, its pictures are seen, and nothing goes back."""
    wish = await authenticate(request)
    _check_type(request, SDP)
    sdp = (await _body(request)).decode(errors="replace")
    return await _accept(request, "whip", sdp, WHIP, wish)


@router.options(WHIP)
async def options() -> Response:
    """Say what may be posted."""
    return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})


@router.delete(CALLS + "/{id}", dependencies=[Depends(authenticate)])
@router.post(CALLS + "/{id}/hangup", dependencies=[Depends(authenticate)])
async def hang_up(request: Request, id: str) -> Response:
    """End a call."""
    return _dismissed(request, "call", id)


@router.delete(WHIP + "/{id}", dependencies=[Depends(authenticate)])
async def end_whip(request: Request, id: str) -> Response:
    """End a publication."""
    return _dismissed(request, "whip", id)


async def _accept(
    request: Request, kind: SessionKind, sdp: str, path: str, wish: Mapping[str, Any]
) -> Response:
    """Answer the offer and let the call live on; 201 with where it can be ended."""
    context = service_context(request)
    live = context.sessions.start(kind)
    servers = ice_servers(context.settings, session=live.id, now=unix_time())
    async with AsyncExitStack() as undone:
        undone.push_async_callback(context.sessions.end, live)
        clock = LiveClock()
        peer = await _answered(sdp, clock, servers, peer_limits(context.settings))
        undone.push_async_callback(peer.close)
        call = _call(context, live, peer, clock, wish, request.query_params)
        context.tasks.create_task(call.hold(), name=f"call {live.id}")
        undone.pop_all()
    logger.info("session %s began over WebRTC (%s)", live.id, kind)
    headers = {"Location": f"{path}/{live.id}", "ETag": f'"{live.id}"'}
    if kind == "whip" and servers:
        headers["Link"] = ", ".join(_links(servers))
    return Response(peer.answer_sdp, 201, headers, media_type=SDP)


def peer_limits(settings: Settings) -> PeerLimits:
    """Return how much one peer may take."""
    side = settings.video_size
    return PeerLimits(
        frame_size=SizeLimits(longer=side, shorter=side * 9 // 16),
        frame_rate=settings.frame_rate,
        connect_timeout=settings.connect_timeout,
        silence_timeout=settings.call_timeout,
    )


async def _answered(sdp: str, clock: Clock, servers: list[IceServer], limits: PeerLimits) -> Peer:
    stun = [server for server in servers if server.username is None]
    try:
        return await Peer.accept(sdp, clock=clock, ice_servers=stun, limits=limits)
    except BadOfferError as error:
        raise ProblemError(400, str(error), code="invalid_offer", param="sdp") from error
    except RtcError as error:
        raise ProblemError(503, str(error), code="unreachable") from error


def _call(
    context: ServiceContext,
    live: SessionRecord,
    peer: Peer,
    clock: Clock,
    wish: Mapping[str, Any],
    query: Mapping[str, str],
) -> Call:
    try:
        return Call(
            context,
            live,
            peer,
            clock,
            wish=wish,
            model=query.get("model"),
            own_events=query.get("eyeline") == "1",
        )
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error


def _dismissed(request: Request, kind: SessionKind, id: str) -> Response:
    live = service_context(request).sessions.get(id)
    if live.kind != kind:
        raise ProblemError(404, f"session {id[:80]!r} is no {kind}")
    live.end_requested.set()
    return Response(status_code=200)


async def _offered(request: Request) -> Offered:
    """Return the offer of a call: the body is SDP, or a form of `sdp` and `session`."""
    if _type(request) == SDP:
        return Offered((await _body(request)).decode(errors="replace"), {})
    if _type(request) != "multipart/form-data":
        _check_type(request, SDP)
    _check_size(request)
    async with request.form(max_files=2, max_fields=8) as form:
        sdp, session = await _field(form, "sdp"), await _field(form, "session")
    if not sdp:
        raise ProblemError(400, "sdp: expected the offer in this field of the form", param="sdp")
    try:
        wish = json.loads(session or "{}")
    except ValueError as error:
        raise ProblemError(400, "session: expected JSON", param="session") from error
    if not isinstance(wish, dict):
        raise ProblemError(400, "session: expected a JSON object", param="session")
    return Offered(sdp, wish)


async def _field(form: FormData, name: str) -> str:
    """Return a field of `form`, which clients send as text or as a file."""
    value = form.get(name, "")
    if isinstance(value, UploadFile):
        return (await value.read()).decode(errors="replace")
    return value


async def _body(request: Request) -> bytes:
    """Return the body, which is small.

    Raises:
        ProblemError: it is not.
    """
    _check_size(request)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_OFFER:
            raise _too_long()
    return body


def _check_size(request: Request) -> None:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > LONGEST_OFFER:
        raise _too_long()


def _too_long() -> ProblemError:
    return ProblemError(413, f"an offer has {LONGEST_OFFER} bytes at most", param="sdp")


def _check_type(request: Request, expected: str) -> None:
    if _type(request) != expected:
        raise ProblemError(
            415,
            f"expected Content-Type {expected}, got {_type(request)[:80] or 'none'}",
            headers={"Accept-Post": expected},
        )


def _type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _links(servers: list[IceServer]) -> Iterator[str]:
    """Yield Link header values that tell a publisher its ICE servers, RFC 9725 section 4.6."""
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None:
                link += f'; username="{server.username}"; credential="{server.credential}"'
                link += '; credential-type="password"'
            yield link
