"""POST /v1/audio/speech: text to speech with the service's voice."""

import base64
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from media.audio.encoding import AudioEncoder
from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from media.pipeline.interfaces import Samples
from media.pipeline.models.services import Services
from media.pipeline.speech.clauses import split_clauses
from web.context import service_context
from web.problems import ProblemError
from web.rest.event_stream import event_stream, json_event

router = APIRouter()

RATE = 24_000  # Hz of the response, as OpenAI's pcm
SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
MEDIA_TYPES: dict[SpeechFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": f"audio/pcm;rate={RATE}",
}


class SpeechRequest(BaseModel):
    """The text to speak. Any `voice` and `model` are served by the ones that are loaded."""

    input: str = Field(min_length=1, max_length=4096)
    model: str = ""
    voice: str | dict[str, str] = ""
    response_format: SpeechFormat = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    speed: float = Field(1.0, ge=0.25, le=4.0)


@router.post("/v1/audio/speech")
async def create_speech(request: Request, body: SpeechRequest) -> Response:
    """Return `input` as speech: mono, 24 kHz, streamed clause by clause except as WAV."""
    services = service_context(request).models.services
    if services.synthesizer is None:
        raise ProblemError(503, "no speech synthesizer is loaded: this service cannot speak")
    if body.speed != 1.0:
        raise ProblemError(400, "speed is not supported: omit it", param="speed")
    parts = file_parts(services, body.input, body.response_format)
    if body.stream_format == "sse":
        return event_stream(_events(parts))
    if body.response_format != "wav":
        return StreamingResponse(parts, media_type=MEDIA_TYPES[body.response_format])
    return Response(b"".join([part async for part in parts]), media_type=MEDIA_TYPES["wav"])


async def speak(services: Services, text: str) -> AsyncGenerator[Samples, None]:
    """Yield `text` as speech at `RATE`, clause by clause."""
    synthesizer = services.synthesizer
    assert synthesizer is not None, "checked by the caller"
    resampler = Resampler(synthesizer.rate, RATE)
    state = resampler.init_state()
    clauses, _ = split_clauses(text, last=True)
    for clause in clauses:
        state, blocks = resampler.step(state, await synthesizer.synthesize(clause))
        for samples in blocks:
            yield samples
    for samples in resampler.flush(state):
        yield samples


async def file_parts(services: Services, text: str, format: SpeechFormat) -> AsyncIterator[bytes]:
    """Yield the parts of a file of `format`; a WAV file, which begins with its length, is one."""
    async with aclosing(speak(services, text)) as speech:
        match format:
            case "pcm":
                async for samples in speech:
                    yield encode_pcm(samples, "pcm16")
            case "wav":
                yield wav_file(b"".join([encode_pcm(each, "pcm16") async for each in speech]))
            case _:
                encoder = await services.media_worker.run(AudioEncoder, format, RATE)
                async for samples in speech:
                    yield await services.media_worker.run(encoder.encode, samples)
                yield await services.media_worker.run(encoder.finish)


async def _events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield server-sent events: the parts of the file, then that it is complete."""
    async for part in parts:
        if part:
            audio = base64.b64encode(part).decode()
            yield json_event({"type": "speech.audio.delta", "audio": audio})
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield json_event({"type": "speech.audio.done", "usage": usage})


def wav_file(pcm: bytes) -> bytes:
    """Return 16-bit mono PCM at 24 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(pcm)
    return file.getvalue()
