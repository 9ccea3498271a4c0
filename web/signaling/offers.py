"""What all offers have in common: the body of a request, the peer that answers, and its headers."""

from collections.abc import Iterator
from typing import Protocol

from fastapi import Request
from starlette.responses import Response

from media.clock import Clock
from media.sizes import SizeLimits
from rtc.congestion.rate_control import send_limits
from rtc.errors import BadOfferError, PathError, PeerClosedError, RtcError
from rtc.ice_servers import IceServer
from rtc.limits import PeerLimits
from rtc.peer import Peer
from rtc.ports import PortRange
from web.access.gate import caller_of
from web.access.ice import ice_servers
from web.config import Settings
from web.context import ServiceContext, service_context, unix_time
from web.problems import ProblemError
from web.realtime.call import Call
from web.realtime.lines.peer_line import PeerLine, new_tag
from web.sessions.record import SessionKind, SessionRecord

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


class TaggedPeer(Protocol):
    """A peer whose ICE session has an entity tag: RFC 9725, section 4.3.1."""

    peer: Peer
    tag: str


async def read_sdp(request: Request, expected: str = SDP) -> str:
    """Return the body of a request.

    Raises:
        ProblemError: its type is not the `expected` one.
    """
    check_type(request, expected)
    return (await request.body()).decode(errors="replace")


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
        ports=PortRange.parse(settings.media_ports) if settings.media_ports else None,
    )


async def accept_peer(settings: Settings, sdp: str, clock: Clock) -> Peer:
    """Return a peer that answers the offer `sdp`.

    Raises:
        ProblemError: it cannot be answered.
    """
    stun = [IceServer(settings.stun_urls)] if settings.stun_urls else []
    limits = peer_limits(settings)
    try:
        return await Peer.accept(sdp, clock=clock, ice_servers=stun, limits=limits)
    except BadOfferError as error:
        raise ProblemError(400, str(error), code="invalid_offer", param="sdp") from error
    except RtcError as error:
        raise ProblemError(503, str(error), code="unreachable") from error


async def change_path(request: Request, line: TaggedPeer) -> Response:
    """Take late candidates of a client, or restart ICE: RFC 9725, sections 4.3.2 and 4.3.3."""
    sdp = await read_sdp(request, FRAGMENT)
    check_tag(request, line.tag, required=True)
    try:
        answer = await line.peer.change_path(sdp)
    except BadOfferError as error:
        raise ProblemError(400, str(error), code="invalid_fragment") from error
    except PathError as error:
        advice = f"{error}: make another offer to the same location"
        raise ProblemError(422, advice, code="no_ice_restart") from error
    except PeerClosedError as error:
        raise ProblemError(409, str(error), code="session_over") from error
    if answer is None:
        return Response(status_code=204)
    line.tag = new_tag()
    return Response(answer, 200, {"ETag": line.tag}, media_type=FRAGMENT)


def check_tag(request: Request, tag: str, *, required: bool = False) -> None:
    """Check the precondition of a request: RFC 9110, section 13.1.1.

    Raises:
        ProblemError: it names another entity tag than `tag`, or it is `required` and missing.
    """
    given = request.headers.get("if-match")
    if given is None and required:
        raise ProblemError(
            428, "If-Match: expected the ETag of the last answer", code="precondition_required"
        )
    if not {"*", tag} & {each.strip() for each in (given or "*").split(",")}:
        raise ProblemError(
            412,
            "the session has another connection since: If-Match names an older one",
            code="precondition_failed",
        )


def session_of(request: Request, kind: SessionKind, id: str) -> SessionRecord:
    """Return the session `id` of the caller.

    Raises:
        ProblemError: there is none of this kind.
    """
    record = service_context(request).sessions.get(id, caller_of(request))
    if record.kind != kind:
        raise ProblemError(404, f"session {id[:80]!r} is no {kind}")
    return record


def live_call(record: SessionRecord) -> Call:
    """Return the call that runs `record`.

    Raises:
        ProblemError: it is over, or is no call.
    """
    if not isinstance(record.live, Call):
        raise ProblemError(409, f"session {record.id} is over or no call", code="session_over")
    return record.live


def newest_line(record: SessionRecord) -> PeerLine:
    """Return the newest connection of the call that runs `record`.

    Raises:
        ProblemError: it has none yet, or is over, or is no call.
    """
    line = live_call(record).newest
    if line is None:
        advice = "the session has moved to another machine: make another offer to the same location"
        raise ProblemError(422, advice, code="no_ice_restart")
    return line


def ice_links(context: ServiceContext, session: str) -> dict[str, str]:
    """Return the Link header with the ICE servers for `session`, if there are any."""
    expires = unix_time() + context.settings.turn_ttl
    servers = ice_servers(context.settings, session=session, expires=expires)
    return {"Link": ", ".join(_links(servers))} if servers else {}


def check_type(request: Request, expected: str) -> None:
    if content_type(request) != expected:
        raise ProblemError(
            415,
            f"expected Content-Type {expected}, got {content_type(request)[:80] or 'none'}",
            headers={"Accept-Patch" if expected == FRAGMENT else "Accept-Post": expected},
        )


def content_type(request: Request) -> str:
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
