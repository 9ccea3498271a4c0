"""Viewers of a session: WHEP, draft-ietf-wish-whep-03.

A viewer gets what the session's own client gets on its tracks: its camera with captions, or the
generated video, and the speech of answers. Sessions over a WebSocket have no tracks.
"""

import logging
from contextlib import AsyncExitStack

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.access.gate import caller_of
from web.context import service_context
from web.problems import ProblemError
from web.realtime.audience import Viewer
from web.realtime.call import Call
from web.signaling.offers import (
    FRAGMENT,
    SDP,
    accept_peer,
    change_path,
    ice_links,
    live_call,
    read_sdp,
)

logger = logging.getLogger(__name__)
router = APIRouter()

WHEP = "/whep/{id}"
VIEWER = WHEP + "/{viewer}"


@router.post(WHEP)
async def whep(request: Request, id: str) -> Response:
    """Answer the offer of a viewer."""
    call = _call(request, id)
    context = service_context(request)
    call.audience.check(caller_of(request))  # before the work of a connection
    sdp = await read_sdp(request)
    async with AsyncExitStack() as cleanup:
        peer = await accept_peer(context.settings, sdp, call.clock)
        cleanup.push_async_callback(peer.close)
        viewer = Viewer(peer, caller_of(request))
        if viewer.caller.watches(id) and (peer.sends_media or peer.receives_messages):
            only = "a viewer only receives: offer audio and video as recvonly, and no data channel"
            raise ProblemError(400, only, code="invalid_offer", param="sdp")
        call.watch(viewer)
        cleanup.pop_all()
    logger.info("session %s has a viewer", id)
    location = f"/whep/{id}/{viewer.id}"
    headers = {"Location": location, "ETag": viewer.tag, **ice_links(context, viewer.id)}
    return Response(peer.answer_sdp, 201, headers, media_type=SDP)


@router.options(WHEP)
async def whep_options(id: str) -> Response:
    """Return the content type of an offer."""
    del id
    headers = {"Accept-Post": SDP, "Accept-Patch": FRAGMENT, "Allow": "OPTIONS, POST"}
    return Response(status_code=204, headers=headers)


@router.patch(VIEWER)
async def patch_whep(request: Request, id: str, viewer: str) -> Response:
    """Take late candidates, or restart ICE."""
    return await change_path(request, _viewer(request, id, viewer))


@router.delete(VIEWER)
async def end_whep(request: Request, id: str, viewer: str) -> Response:
    """End the connection of a viewer; the session goes on."""
    await _viewer(request, id, viewer).peer.close()
    return Response(status_code=200)


def _call(request: Request, id: str) -> Call:
    return live_call(service_context(request).sessions.get(id, caller_of(request)))


def _viewer(request: Request, id: str, viewer: str) -> Viewer:
    found = _call(request, id).audience.find(viewer)
    caller = caller_of(request)
    if found is None or (caller.watches(id) and found.caller.owner != caller.owner):
        raise ProblemError(404, f"session {id[:80]} has no viewer {viewer[:80]!r}")
    return found
