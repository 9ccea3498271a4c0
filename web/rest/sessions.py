"""Sessions that run or ended recently: their counters, captions and moments."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from models.assistant.interface import Moment
from web.access.gate import caller_of
from web.context import service_context
from web.history.caption_log import CaptionLog
from web.problems import ProblemError
from web.protocol.speech_input import caption_fields
from web.protocol.vision import moment_fields
from web.rest.subtitles import (
    FILE_FORMATS,
    MEDIA_TYPES,
    SubtitleFormat,
    format_cues,
    make_cues,
    speaker_names,
)
from web.sessions.record import SessionRecord

router = APIRouter(prefix="/sessions")

IMMUTABLE = {"Cache-Control": "private, max-age=86400, immutable"}


async def session_record(request: Request, id: str) -> SessionRecord:
    """Return the session that the path names.

    Raises:
        ProblemError: there is none that the caller may reach, or it ended too long ago.
    """
    return service_context(request).sessions.get(id, caller_of(request))


Session = Annotated[SessionRecord, Depends(session_record)]


@router.get("")
async def list_sessions(request: Request) -> dict[str, Any]:
    """List the caller's sessions that run or ended recently, with their counters."""
    context = service_context(request)
    now = context.clock.now()
    sessions = context.sessions.all(caller_of(request))
    return {"sessions": [session.summary(now) for session in sessions]}


@router.get("/{id}")
async def get_session(request: Request, session: Session) -> dict[str, Any]:
    """Describe one session."""
    return session.summary(service_context(request).clock.now())


@router.delete("/{id}", status_code=204)
async def end_session(session: Session) -> None:
    """Ask a session to end."""
    session.request_end("ended by a request")


@router.get("/{id}/captions", response_class=EventSourceResponse)
async def follow_captions(
    session: Session, last_event_id: Annotated[int, Header(ge=-1, le=2**53)] = -1
) -> AsyncIterator[ServerSentEvent]:
    """Stream final captions as server-sent events, from the first one kept until the end.

    A client that reconnects sends the number of the last one it has in `Last-Event-ID`.
    """
    log = session.captions
    async for number, caption in log.follow(last_event_id + 1):
        fields = caption_fields(caption, log.names)
        yield ServerSentEvent(id=str(number), event="caption", data=fields)
    yield ServerSentEvent(event="end", data={})


@router.get("/{id}/history", response_class=EventSourceResponse)
async def follow_history(
    session: Session, last_event_id: Annotated[int, Header(ge=-1, le=2**53)] = -1
) -> AsyncIterator[ServerSentEvent]:
    """Stream what is said, asked, answered and remembered, from the first entry kept until the end.

    A client that reconnects sends the number of the last one it has in `Last-Event-ID`.
    """
    async for number, entry in session.history.follow(last_event_id + 1):
        yield ServerSentEvent(id=str(number), event="entry", data=entry)
    yield ServerSentEvent(event="end", data={})


@router.get("/{id}/captions.{format}")
async def get_captions(session: Session, format: str) -> Response:
    """Return a session's final captions so far as a subtitle file."""
    known = known_format(format)
    text = subtitles(session.captions, known)
    return subtitle_file(text, f"{session.id}.{format}", known)


@router.get("/{id}/moments")
async def list_moments(
    session: Session, since: Annotated[int, Query(ge=-1)] = -1
) -> dict[str, Any]:
    """List the moments of a session in order: those with numbers above `since`."""
    moments = session.moments_after(since)
    return {"moments": [moment_json(each.moment, session) for each in moments]}


@router.get("/{id}/moments/{number}.jpg")
async def get_moment_image(session: Session, number: int) -> Response:
    """Return the thumbnail of one moment."""
    found = session.moments.get(number)
    if found is None or found.picture is None:
        raise ProblemError(404, f"no image of moment {number}: only the newest are kept")
    return Response(found.picture, media_type="image/jpeg", headers=IMMUTABLE)


def moment_json(moment: Moment, session: SessionRecord | None) -> dict[str, Any]:
    """Return a moment with the path of its thumbnail, null if `session` has none."""
    kept = session.moments.get(moment.number) if session is not None else None
    image = None
    if session is not None and kept is not None and kept.picture is not None:
        image = f"/sessions/{session.id}/moments/{moment.number}.jpg"
    return {**moment_fields(moment), "image": image}


def known_format(ending: str) -> SubtitleFormat:
    """Return the format of subtitle files whose names end so.

    Raises:
        ProblemError: there is none.
    """
    if ending not in FILE_FORMATS:
        raise ProblemError(404, f"captions come as {', '.join(FILE_FORMATS)}, not {ending[:20]!r}")
    return FILE_FORMATS[ending]


def subtitles(log: CaptionLog, format: SubtitleFormat) -> str:
    """Return the captions of `log` as the text of a subtitle file."""
    words = [word for caption in log.kept for word in caption.words]
    names = speaker_names(words, log.names)
    return format_cues(make_cues(words, names), format)


def subtitle_file(text: str, name: str, format: SubtitleFormat) -> Response:
    """Return a response that browsers save as the file `name`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=MEDIA_TYPES[format], headers=headers)
