"""POST /v1/audio/transcriptions: an uploaded file to text, words with times, or subtitles.

A file is decoded and heard piece by piece on the `files` worker, so that its length never is in
memory, live sessions keep their own workers, and a client that leaves ends the work.
"""

import json
import shutil
import tempfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from media.errors import MediaError, MediaTooLongError
from media.events import CaptionWord
from media.files.decoding import decode_audio
from models.asr.streaming.offline import transcribe
from models.asr.words import RATE, RecognizedWord, text_of
from web.context import ServiceContext, authenticate, service_context
from web.problems import ProblemError
from web.rest.chunking import Samples, cut, spoken
from web.rest.rest import EVENT_STREAM, MEDIA_TYPES, UNBUFFERED
from web.subtitles import format_cues, make_cues

router = APIRouter()

Shape = Literal["json", "text", "verbose_json", "srt", "vtt"]


class ClosingError(Exception):
    """The service ends while a file is heard."""


@dataclass(frozen=True, slots=True)
class Part:
    """The words of a part of a file, and where it ends, in samples of the file."""

    words: list[RecognizedWord]
    end: int


@router.post("/v1/audio/transcriptions", dependencies=[Depends(authenticate)])
async def transcriptions(request: Request) -> Response:
    """Transcribe the form's `file`; fields as in OpenAI's API, whose SDKs can call this."""
    context = service_context(request)
    async with request.form(max_files=1, max_fields=64) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise ProblemError(400, "file: expected an audio or video file", param="file")
        shape, language = _shape(form), _text(form, "language")
        streamed = _text(form, "stream").lower() in ("true", "1")
        each = "word" in form.getlist("timestamp_granularities[]")
        if context.upload_slots.locked():
            told = "too many files wait to be transcribed: try again later"
            raise ProblemError(503, told, headers={"Retry-After": "10"})
        parts = hear(context, upload, language)
        # heard before anything is sent: a file that cannot be read is told by the status
        first = await anext(parts, Part([], 0))
    if streamed:
        stream = _stream(first, parts)
        return StreamingResponse(stream, media_type=EVENT_STREAM, headers=UNBUFFERED)
    heard = [first]
    async with aclosing(parts):
        async for part in parts:
            heard.append(part)
            if await request.is_disconnected():
                break
    words = [word for part in heard for word in part.words]
    return answer(words, heard[-1].end, shape, language=language or _language(context), each=each)


async def hear(
    context: ServiceContext, upload: UploadFile, language: str
) -> AsyncGenerator[Part, None]:
    """Yield the words of an uploaded file, part by part; it is needed until the first.

    Raises:
        ProblemError: it is not media, has no sound, is too long, or in no known language.
    """
    name = Path(upload.filename or "file").name
    async with context.upload_slots:
        path = await context.file_worker.run(_stored, upload)
        try:
            pieces = cut(decode_audio(path, max_duration=context.settings.max_media_hours * 3600))
            start = 0
            while (piece := await context.file_worker.run(_next, pieces, path, name)) is not None:
                words = await context.file_worker.run(_transcribed, context, piece, language)
                placed = [replace(w, start=w.start + start, end=w.end + start) for w in words]
                start += len(piece)
                yield Part(placed, start)
        finally:
            _remove(path)


def answer(
    words: list[RecognizedWord], end: int, shape: Shape, *, language: str, each: bool
) -> Response:
    """Return the transcript of `end` samples in the wanted shape."""
    placed = [CaptionWord(word.text, word.start / RATE, word.end / RATE) for word in words]
    seconds = round(end / RATE, 3)
    match shape:
        case "text":
            return PlainTextResponse(text_of(words) + "\n")
        case "srt" | "vtt":
            return Response(format_cues(make_cues(placed), shape), media_type=MEDIA_TYPES[shape])
        case "json":
            return JSONResponse({"text": text_of(words), "usage": _usage(seconds)})
        case "verbose_json":
            body = {
                "task": "transcribe",
                "language": language,
                "duration": seconds,
                "text": text_of(words),
                "segments": segments(words),
                "usage": _usage(seconds),
            }
            if each:
                body["words"] = [
                    {"word": word.text.strip(), "start": word.start, "end": word.end}
                    for word in placed
                ]
            return JSONResponse(body)


def segments(words: list[RecognizedWord]) -> list[dict[str, Any]]:
    """Return the segments of verbose_json: readable cues, with what is known of their words.

    A word's probability is known and a token's is not, so `avg_logprob` is the mean over words;
    `tokens`, `temperature` and `no_speech_prob` have nothing to tell and are empty or 0.
    """
    placed = {
        CaptionWord(word.text, word.start / RATE, word.end / RATE): word.probability
        for word in words
    }
    found = []
    for number, cue in enumerate(make_cues(placed)):
        chances = [max(placed[word], 1e-9) for word in cue.words]
        coded = cue.text.encode()
        found.append(
            {
                "id": number,
                "seek": 0,
                "start": cue.start,
                "end": cue.end,
                "text": cue.text,
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": float(np.mean(np.log(chances))),
                "compression_ratio": len(coded) / len(zlib.compress(coded)),
                "no_speech_prob": 0.0,
            }
        )
    return found


async def _stream(first: Part, parts: AsyncGenerator[Part, None]) -> AsyncIterator[str]:
    """Yield server-sent events: the words as they are heard, then the whole."""
    text, end = "", 0
    async with aclosing(parts):
        async for part in _again(first, parts):
            added = "".join(word.text for word in part.words)
            added = added if text else added.lstrip()
            text, end = text + added, part.end
            if added:
                yield _event({"type": "transcript.text.delta", "delta": added})
    usage = _usage(round(end / RATE, 3))
    yield _event({"type": "transcript.text.done", "text": text, "usage": usage})


async def _again(first: Part, rest: AsyncIterator[Part]) -> AsyncIterator[Part]:
    yield first
    async for part in rest:
        yield part


def _event(fields: dict[str, Any]) -> str:
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n"


def _usage(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": seconds}


def _stored(upload: UploadFile) -> Path:
    """Return the path of a copy that FFmpeg can open."""
    with tempfile.NamedTemporaryFile(prefix="eyeline-", delete=False) as file:
        upload.file.seek(0)
        shutil.copyfileobj(upload.file, file)
    return Path(file.name)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _next(pieces: Iterator[Samples], path: Path, name: str) -> Samples | None:
    """Return the next piece; errors name the file as the client does."""
    try:
        return next(pieces, None)
    except MediaError as error:
        status = 413 if isinstance(error, MediaTooLongError) else 400
        raise ProblemError(status, str(error).replace(str(path), name), param="file") from error


def _transcribed(context: ServiceContext, piece: Samples, language: str) -> list[RecognizedWord]:
    """Return the words of `piece`: of the stretches of it in which somebody speaks."""

    def go_on(done: int, whole: int) -> None:
        del done, whole
        if context.closing.is_set():
            raise ClosingError

    detector = context.models.services.detector
    _, probabilities = detector.step(detector.init_state(), piece)
    recogniser = context.models.whisper
    words: list[RecognizedWord] = []
    try:
        for start, end in spoken(probabilities, len(piece)):
            heard = transcribe(
                recogniser, piece[start:end], language=language or None, progress=go_on
            )
            words += [replace(w, start=w.start + start, end=w.end + start) for w in heard]
    except ValueError as error:
        raise ProblemError(400, str(error), param="language") from error
    return words


def _language(context: ServiceContext) -> str:
    """Return the language of a transcript for which none was given."""
    return "unknown" if context.models.whisper.model.config.multilingual else "en"


def _shape(form: FormData) -> Shape:
    shape = _text(form, "response_format") or "json"
    if shape not in get_args(Shape):
        raise ProblemError(
            400,
            f"response_format: expected one of {', '.join(get_args(Shape))}, got {shape[:40]!r}",
            param="response_format",
        )
    return cast("Shape", shape)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
