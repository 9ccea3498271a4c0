"""Publishers: WHIP, RFC 9725."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.access.gate import caller_of
from web.signaling.calls import resume_call, start_call
from web.signaling.offers import FRAGMENT, SDP, change_path, newest_line, read_sdp, session_of

router = APIRouter()

WHIP = "/whip"


@router.post(WHIP)
async def whip(request: Request) -> Response:
    """Answer the offer of a publisher, which gets captions and no media back."""
    sdp = await read_sdp(request)
    return await start_call(request, "whip", sdp, WHIP, caller_of(request).session)


@router.options(WHIP)
async def whip_options() -> Response:
    """Return the content type of an offer."""
    headers = {"Accept-Post": SDP, "Accept-Patch": FRAGMENT, "Allow": "OPTIONS, POST"}
    return Response(status_code=204, headers=headers)


@router.post(WHIP + "/{id}")
async def resume_whip(request: Request, id: str) -> Response:
    """Go on with a publication over a new connection."""
    return await resume_call(request, session_of(request, "whip", id))


@router.patch(WHIP + "/{id}")
async def patch_whip(request: Request, id: str) -> Response:
    """Take late candidates, or restart ICE."""
    return await change_path(request, newest_line(session_of(request, "whip", id)))


@router.delete(WHIP + "/{id}")
async def end_whip(request: Request, id: str) -> Response:
    """End a publication."""
    session_of(request, "whip", id).request_end("ended by a request")
    return Response(status_code=200)
