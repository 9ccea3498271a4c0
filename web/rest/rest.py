"""The small endpoints: health, models, ICE servers, client secrets, sessions and what they hold."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from models.assistant.interface import Moment
from web.context import MODEL_NAME, ServiceContext, authenticate, service_context, unix_time
from web.ice import ice_servers
from web.problems import ProblemError
from web.protocol.messages import ProtocolError
from web.protocol.session_config import initial_config, session_object
from web.protocol.session_update import update_config
from web.protocol.speech_input import caption_fields
from web.protocol.vision import moment_fields
from web.sessions import SessionRecord
from web.setting_checks import SMALL
from web.subtitles import SubtitleFormat, format_cues, make_cues

router = APIRouter()
Admitted = Depends(authenticate)

LIFETIME = 600  # seconds that a client secret is valid where nothing is said
MEDIA_TYPES: dict[SubtitleFormat, str] = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "json": "application/json",
}
EVENT_STREAM = "text/event-stream"
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
UNCHANGING = {"Cache-Control": "private, max-age=86400, immutable"}


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Say that the service is up, and how many more sessions it takes. Needs no key."""
    context = service_context(request)
    return {
        "status": "ok",
        "sessions": {
            "live": context.sessions.capacity - context.sessions.free,
            "free": context.sessions.free,
            "capacity": context.sessions.capacity,
        },
        "models": list(context.capabilities.recognizers),
        "answers": _answers(context),
        "notices": list(context.capabilities.notices),
    }


@router.get("/v1/models", dependencies=[Admitted])
async def models(request: Request) -> dict[str, Any]:
    """List the names that requests may use; others are met by these."""
    context = service_context(request)
    return {"object": "list", "data": [_model(context, name) for name in _names(context)]}


@router.get("/v1/models/{name}", dependencies=[Admitted])
async def model(request: Request, name: str) -> dict[str, Any]:
    """Describe one model."""
    context = service_context(request)
    if name not in _names(context):
        raise ProblemError(404, f"no model {name[:80]!r} here", code="model_not_found")
    return _model(context, name)


@router.get("/ice-servers", dependencies=[Admitted])
async def ice(request: Request) -> dict[str, Any]:
    """Return STUN and TURN servers for an RTCPeerConnection, with fresh credentials."""
    context = service_context(request)
    servers = ice_servers(context.settings, session="guest", now=unix_time())
    return {"iceServers": [each.as_json() for each in servers], "ttl": context.settings.turn_ttl}


class Expiry(BaseModel):
    anchor: str = "created_at"
    seconds: int = Field(LIFETIME, ge=10, le=7200)


class SecretWish(BaseModel):
    expires_after: Expiry = Field(default_factory=Expiry)
    session: dict[str, Any] = Field(default_factory=dict)


@router.post("/v1/realtime/client_secrets", dependencies=[Admitted])
async def client_secret(request: Request, wish: SecretWish) -> dict[str, Any]:
    """Mint a secret with which a browser may open sessions for a while."""
    context = service_context(request)
    kind = wish.session.get("type", "realtime")
    terms = initial_config(context.capabilities, transcription=kind == "transcription")
    own = {name: value for name, value in wish.session.items() if name != "eyeline"}
    try:
        terms, _ = update_config(terms, own, context.capabilities)
    except ProtocolError as error:
        raise ProblemError(400, error.message, code=error.code, param=error.param) from error
    lifetime = wish.expires_after.seconds
    secret = context.keys.mint(own, now=context.clock.now(), lifetime=lifetime)
    session = session_object(terms, f"sess_{secret.value[3:19]}")
    return {"value": secret.value, "expires_at": unix_time() + lifetime, "session": session}


@router.get("/sessions", dependencies=[Admitted])
async def sessions(request: Request) -> dict[str, Any]:
    """List the sessions that are alive or ended not long ago, with their counters."""
    context = service_context(request)
    now = context.clock.now()
    return {"sessions": [live.summary(now) for live in context.sessions.all()]}


@router.get("/sessions/{id}", dependencies=[Admitted])
async def session(request: Request, id: str) -> dict[str, Any]:
    """Describe one session."""
    context = service_context(request)
    return context.sessions.get(id).summary(context.clock.now())


@router.delete("/sessions/{id}", dependencies=[Admitted], status_code=204)
async def end_session(request: Request, id: str) -> None:
    """Ask a session to end."""
    service_context(request).sessions.get(id).end_requested.set()


@router.get("/sessions/{id}/captions", dependencies=[Admitted])
async def follow(request: Request, id: str) -> Response:
    """Stream final captions as server-sent events, from the first one kept until the end.

    A client that comes back names the last one it has in `Last-Event-ID`.
    """
    live = service_context(request).sessions.get(id)
    last = request.headers.get("last-event-id", "")
    start = int(last) + 1 if last.isdecimal() else 0
    return StreamingResponse(_events(live, start), media_type=EVENT_STREAM, headers=UNBUFFERED)


@router.get("/sessions/{id}/captions.{format}", dependencies=[Admitted])
async def captions(request: Request, id: str, format: str) -> Response:
    """Return a session's final captions so far as a subtitle file."""
    live = service_context(request).sessions.get(id)
    if format not in MEDIA_TYPES:
        raise ProblemError(404, f"captions come as {', '.join(MEDIA_TYPES)}, not {format[:20]!r}")
    words = [word for caption in live.captions for word in caption.words]
    text = format_cues(make_cues(words), format)
    name = f'attachment; filename="{live.id}.{format}"'
    return Response(text, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": name})


@router.get("/sessions/{id}/moments", dependencies=[Admitted])
async def moments(
    request: Request, id: str, since: Annotated[int, Query(ge=-1)] = -1
) -> dict[str, Any]:
    """List what a session remembers, in order; only moments numbered above `since`, if given."""
    live = service_context(request).sessions.get(id)
    return {"moments": [moment_json(each.moment, live) for each in live.moments_after(since)]}


@router.get("/sessions/{id}/moments/{number}.jpg", dependencies=[Admitted])
async def moment_picture(request: Request, id: str, number: int) -> Response:
    """Return the small picture of one moment."""
    found = service_context(request).sessions.get(id).moments.get(number)
    if found is None or found.picture is None:
        raise ProblemError(404, f"no picture of moment {number}: only the newest are kept")
    return Response(found.picture, media_type="image/jpeg", headers=UNCHANGING)


def moment_json(moment: Moment, live: SessionRecord | None) -> dict[str, Any]:
    """Return a moment with the address of its picture, or null where `live` has none."""
    kept = live.moments.get(moment.number) if live is not None else None
    image = None
    if live is not None and kept is not None and kept.picture is not None:
        image = f"/sessions/{live.id}/moments/{moment.number}.jpg"
    return {**moment_fields(moment), "image": image}


async def _events(live: SessionRecord, start: int) -> AsyncIterator[str]:
    async for number, caption in live.follow_captions(start):
        fields = json.dumps(caption_fields(caption), ensure_ascii=False)
        yield f"id: {number}\nevent: caption\ndata: {fields}\n\n"
    yield "event: end\ndata: {}\n\n"


def _names(context: ServiceContext) -> list[str]:
    return [MODEL_NAME, *context.capabilities.recognizers, *context.capabilities.voices]


def _model(context: ServiceContext, name: str) -> dict[str, Any]:
    model = {"id": name, "object": "model", "created": 0, "owned_by": "eyeline"}
    return {**model, "eyeline": _answers(context)} if name == MODEL_NAME else model


def _answers(context: ServiceContext) -> dict[str, Any]:
    """Return which model sees and answers, and what it can tell."""
    watcher = context.models.services.assistant
    name = Path(context.settings.video_model).name  # a path is nobody else's business
    return {
        "model": None if watcher.stand_in else name,
        "small": name == SMALL,
        "stand_in": watcher.stand_in,
        "about": watcher.about,
    }
