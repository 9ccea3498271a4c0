"""POST /v1/audio/transcriptions: an uploaded file to text, words with times, or subtitles.

POST /v1/audio/translations: the same, with English text of speech in any language.

A file is decoded piece by piece on the file worker, and transcribed by the models of live sessions,
whose speech comes first: memory use does not grow with its length, captions do not wait for it, and
a disconnected client ends the work.
"""

import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, aclosing
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from media.errors import HungError, MediaError, MediaTooLongError
from models.asr.offline.transcription import TranscribedPart
from models.asr.whisper.tokenizer import Task
from models.asr.words import RATE, RecognizedWord
from models.errors import ModelError, StoreError
from models.speakers.clustering import NOBODY
from models.speakers.whole_file import FileVoices
from models.speakers.words import word_speakers
from web.access.admission import RETRY_AFTER
from web.access.auth import Caller
from web.access.gate import caller_of
from web.context import ServiceContext, service_context
from web.problems import ProblemError, error_fields
from web.rest.event_stream import event_stream, json_event
from web.rest.subtitles import speaker_names
from web.rest.transcript import diarized_segments, timed_words, transcript_response, usage_fields
from web.rest.transcription.fields import parse_fields
from web.rest.transcription.spoken_language import SpokenLanguage, asked_language
from web.rest.transcription.uploaded_sound import UploadedSound
from web.temporary_folder import temporary_folder

router = APIRouter()


@router.post("/v1/audio/transcriptions")
async def create_transcription(request: Request) -> Response:
    """Transcribe the form's `file`; the fields are those of OpenAI's API."""
    return await _create(request, "transcribe")


@router.post("/v1/audio/translations")
async def create_translation(request: Request) -> Response:
    """Translate the speech in the form's `file` to English; the fields are the same."""
    return await _create(request, "translate")


async def _create(request: Request, task: Task) -> Response:
    context, caller = service_context(request), caller_of(request)
    context.doorkeeper.rates.check_minutes(caller, "file_minutes")
    size = request.headers.get("content-length", "")
    stored = int(size) if size.isdecimal() else context.settings.max_upload_size
    async with (
        context.lines.storage.place(stored),
        request.form(max_files=1, max_fields=64) as form,
    ):
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise ProblemError(400, "file: expected an audio or video file", param="file")
        fields = parse_fields(form)
        sound = UploadedSound(fields.track)
        spoken = SpokenLanguage(asked_language(context, fields.language, task), task)
        voices = context.models.services.files.voices() if fields.speakers else None
        parts = metered(context, caller, transcribe_upload(context, upload, spoken, sound, voices))
        # Transcribed before the response starts: an unreadable file gets an error status.
        first = await anext(parts, TranscribedPart([], 0))
    if fields.streamed:
        return event_stream(_or_error(_events(context, first, parts, sound, voices)))
    transcribed = [first]
    async with aclosing(parts):
        async for part in parts:
            transcribed.append(part)
            if await request.is_disconnected():
                break
    words = [word for part in transcribed for word in part.words]
    return transcript_response(
        words,
        await context.file_worker.run(_speakers, voices, words),
        transcribed[-1].end,
        fields.format,
        spoken=spoken,
        word_times=fields.word_times,
        notes=sound.notes(empty=not words),
    )


async def transcribe_upload(
    context: ServiceContext,
    upload: UploadFile,
    spoken: SpokenLanguage,
    sound: UploadedSound,
    voices: FileVoices | None = None,
) -> AsyncGenerator[TranscribedPart, None]:
    """Yield the words of an uploaded file, part by part; `upload` may be closed after the first.

    `voices` hears the file.

    Raises:
        ProblemError: the file is not media, has no audio or is too long, or the model of its
            language cannot be loaded.
    """
    name = Path(upload.filename or "file").name
    async with context.lines.files.place():
        folder = ExitStack()
        path = await context.file_worker.run(_save, upload, folder, context.settings.memory_folder)
        with folder:
            longest = context.settings.max_media_hours * 3600
            files = context.models.services.files
            chunks = sound.chunks(path, files.detector, max_duration=longest)
            parts = files.parts(
                chunks,
                language=spoken.asked,
                task=spoken.task,
                check=partial(_check_open, context),
                voices=voices,
            )
            while (
                part := await context.file_worker.run(_next_part, parts, path, name)
            ) is not None:
                spoken.detected = parts.detected
                yield part


async def metered(
    context: ServiceContext, caller: Caller, parts: AsyncGenerator[TranscribedPart, None]
) -> AsyncGenerator[TranscribedPart, None]:
    """Yield `parts`, and take their sound from the minutes of the caller's key.

    A file that has begun is transcribed to its end.
    """
    spent = 0
    async with aclosing(parts):
        async for part in parts:
            end = part.end // RATE
            context.doorkeeper.rates.spend(caller, "file_minutes", end - spent)
            spent = end
            yield part


def _speakers(voices: FileVoices | None, words: list[RecognizedWord]) -> list[int]:
    """Return the number of the speaker of each word, NOBODY if voices are not told apart."""
    return [NOBODY] * len(words) if voices is None else word_speakers(voices.voices(), words)


async def _events(
    context: ServiceContext,
    first: TranscribedPart,
    parts: AsyncGenerator[TranscribedPart, None],
    sound: UploadedSound,
    voices: FileVoices | None,
) -> AsyncIterator[bytes]:
    """Yield server-sent events: the text of each part, then all of it, and who said what."""
    text, end = "", 0
    words: list[RecognizedWord] = []
    async with aclosing(parts):
        async for part in _prepend(first, parts):
            words += part.words
            added = "".join(word.text for word in part.words)
            added = added if text else added.lstrip()
            text, end = text + added, part.end
            if added:
                yield json_event({"type": "transcript.text.delta", "delta": added})
    usage = usage_fields(round(end / RATE, 3))
    notes = sound.notes(empty=not text)
    timed = timed_words(words, await context.file_worker.run(_speakers, voices, words))
    if speaker_names(timed):
        for segment in diarized_segments(timed):
            yield json_event(segment)
    yield json_event({"type": "transcript.text.done", "text": text, "usage": usage, **notes})


async def _or_error(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield `events`; the last one of a transcript that is cut off is an error."""
    try:
        async for event in events:
            yield event
    except ProblemError as problem:
        yield json_event({"type": "error", "error": error_fields(problem)})


async def _prepend(
    first: TranscribedPart, rest: AsyncIterator[TranscribedPart]
) -> AsyncIterator[TranscribedPart]:
    yield first
    async for part in rest:
        yield part


def _save(upload: UploadFile, stack: ExitStack, parent: Path | None) -> Path:
    """Return the path of a copy of the upload, for FFmpeg to open; `stack` deletes it.

    Raises:
        OSError: it cannot be written.
    """
    with ExitStack() as made:
        try:
            copy = made.enter_context(temporary_folder(parent)) / "upload"
        except StoreError as error:
            raise error.__cause__ or error from None  # by which the client is answered
        with copy.open("wb") as file:
            upload.file.seek(0)
            shutil.copyfileobj(upload.file, file)
        stack.push(made.pop_all())
    return copy


def _check_open(context: ServiceContext) -> None:
    """End a transcript in the middle of a part if the service closes.

    Raises:
        ProblemError: it does.
    """
    if context.closing.is_set():
        raise ProblemError(
            503,
            "the service ended before the file was transcribed: send it again later",
            code="service_draining",
            headers={"Retry-After": str(RETRY_AFTER)},
        )


def _next_part(parts: Iterator[TranscribedPart], path: Path, name: str) -> TranscribedPart | None:
    """Return the next part. Errors name the file as the client does, not by its path."""
    try:
        return next(parts, None)
    except HungError as error:
        raise ProblemError(503, str(error), code="model_hung") from error
    except MediaError as error:
        status = 413 if isinstance(error, MediaTooLongError) else 400
        raise ProblemError(status, str(error).replace(str(path), name), param="file") from error
    except ModelError as error:
        raise ProblemError(503, str(error), code="language_unavailable") from error
