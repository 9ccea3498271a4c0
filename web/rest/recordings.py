"""Recordings of past sessions: listed, opened, rebuilt, played and deleted.

What they remember is asked with POST /v1/chat/completions, as of a session that runs.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from media.errors import MediaError
from media.recording.layout import GENERATED_FILE, PLAYBACK_FILE
from web.access.gate import caller_of
from web.context import ServiceContext, service_context, unix_time
from web.history.recorded_captions import recorded_captions
from web.history.recording_files import read_history
from web.history.recordings import Recording
from web.problems import ProblemError
from web.rest.sessions import known_format, subtitle_file, subtitles
from web.rest.subtitles import SubtitleFormat

router = APIRouter()

PAGE = 50  # recordings, by default
MAX_PAGE = 200
ENTRIES = 500  # of a history, by default: with their pictures 2 MB
MAX_ENTRIES = 2_000
MP4 = "video/mp4"
FILES = {"camera": PLAYBACK_FILE, "generated": GENERATED_FILE}


async def recording_of(request: Request, id: str) -> Recording:
    """Return the recording that the path names.

    Raises:
        ProblemError: there is none that the caller may reach, or sessions are not recorded.
    """
    return await service_context(request).recordings.get(id, caller_of(request).reaches)


Recorded = Annotated[Recording, Depends(recording_of)]


@router.get("/recordings")
async def list_recordings(
    request: Request,
    before: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
) -> dict[str, Any]:
    """List the caller's recordings, the newest first; `next` is the `before` of the next page.

    `recorded` says whether sessions are recorded here.
    """
    context = service_context(request)
    reaches = caller_of(request).reaches
    found, following = await context.recordings.page(reaches, before=before, limit=limit)
    shown = await context.recordings.run(lambda: [each.fields() for each in found])
    return {"recorded": context.recordings.kept, "recordings": shown, "next": following}


@router.get("/recordings/{id}")
async def get_recording(request: Request, recording: Recorded) -> dict[str, Any]:
    """Describe one recording: what there is of it, and what is wrong with it."""
    context = service_context(request)
    fields = await context.recordings.run(recording.fields)
    return {**fields, **context.rebuilder.fields(recording.id)}


@router.delete("/recordings/{id}", status_code=204)
async def delete_recording(request: Request, id: str) -> None:
    """Delete a recording with all that was made of it."""
    await service_context(request).recordings.delete(id, caller_of(request).reaches)


@router.get("/recordings/{id}/history")
async def get_history(
    request: Request,
    recording: Recorded,
    after: Annotated[int, Query(ge=-1, le=2**53)] = -1,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = ENTRIES,
) -> dict[str, Any]:
    """Return what was said, asked, answered and remembered, in order, from entry `after` + 1 on."""
    entries, damaged, more = await service_context(request).recordings.run(
        read_history, recording.home, after=after, limit=limit
    )
    return {"entries": entries, "damaged": damaged, "more": more}


@router.get("/recordings/{id}/captions.{format}")
async def get_recorded_captions(request: Request, recording: Recorded, format: str) -> Response:
    """Return the captions of a recording as a subtitle file."""
    known = known_format(format)
    text = await service_context(request).recordings.run(_subtitles, recording, known)
    return subtitle_file(text, f"{recording.id}.{format}", known)


@router.post("/recordings/{id}/rebuild", status_code=202)
async def rebuild_recording(request: Request, recording: Recorded) -> dict[str, Any]:
    """Run the recorded session through today's models: a new memory, captions and answers."""
    rebuilder = service_context(request).rebuilder
    rebuilder.start(recording)
    return rebuilder.fields(recording.id)


@router.delete("/recordings/{id}/rebuild", status_code=204)
async def stop_rebuilding(request: Request, recording: Recorded) -> None:
    """Stop rebuilding a recording; it stays as it was before."""
    if not service_context(request).rebuilder.stop(recording.id):
        detail = f"recording {recording.id} is not being rebuilt"
        raise ProblemError(409, detail, code="not_rebuilding")


@router.post("/recordings/{id}/video")
async def open_video(
    request: Request,
    recording: Recorded,
    track: Annotated[Literal["camera", "generated"], Query()] = "camera",
) -> dict[str, Any]:
    """Return an address at which a browser can play the video of a recording, for an hour.

    It needs no key, so it is a secret.
    """
    context = service_context(request)
    file = recording.home / FILES[track]
    if not file.is_file():
        await _make_video(context, recording, track)
    lifetime = context.settings.playback_time
    caller = caller_of(request)
    ticket = context.tickets.issue(file, caller, now=context.clock.now(), lifetime=lifetime)
    return {"url": f"/playback/{ticket.value}", "expires_at": unix_time() + round(lifetime)}


@router.get("/playback/{ticket}")
async def play(request: Request, ticket: str) -> Response:
    """Return a video, or the part of it that `Range` names, to whoever knows its address."""
    context = service_context(request)
    now = context.clock.now()
    found = context.tickets.find(ticket, now=now)
    if (
        found is None
        or not context.doorkeeper.keys.is_current(found.caller, now=now)
        or not await context.recordings.run(found.file.is_file)
    ):
        raise ProblemError(404, "this address has expired, or its recording was deleted")
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(found.file, media_type=MP4, headers=headers)


async def _make_video(context: ServiceContext, recording: Recording, track: str) -> None:
    """Make the file of the camera; the generated video is made by a rebuild alone.

    Raises:
        ProblemError: there is nothing to make it of, or it cannot be written.
    """
    if track == "generated":
        detail = f"recording {recording.id} has no generated video: rebuild it to make one"
        raise ProblemError(404, detail, code="not_generated")
    if recording.state in ("live", "broken"):
        detail = f"recording {recording.id} is {recording.state}: it cannot be played"
        raise ProblemError(409, detail, code="recording_unreadable")
    longest = context.settings.max_media_hours * 3600
    target = recording.home / PLAYBACK_FILE
    with context.recordings.using(recording.id, "is being prepared"):
        try:
            await context.recordings.write_video(recording.home, target, max_duration=longest)
        except MediaError as error:
            detail = str(error).replace(f"{recording.home}/", "")
            raise ProblemError(409, detail, code="recording_unreadable") from error


def _subtitles(recording: Recording, format: SubtitleFormat) -> str:
    entries, _, _ = read_history(recording.home, after=-1, limit=2**53)
    return subtitles(recorded_captions(entries), format)
