"""POST /v1/audio/speech: text to speech with the service's voice."""

import io
import wave
from collections.abc import AsyncIterator
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from media.pipeline.speech.clauses import split_clauses
from web.context import service_context
from web.problems import ProblemError

router = APIRouter()

RATE = 24_000  # Hz of the response, as OpenAI's pcm
SUPPORTED_FORMATS = ("wav", "pcm")


class SpeechRequest(BaseModel):
    """The text to speak. Any `voice` and `model` are served by the ones that are loaded."""

    input: str = Field(min_length=1, max_length=4096)
    model: str = ""
    voice: str | dict[str, str] = ""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "wav"
    stream_format: Literal["audio"] = "audio"
    speed: float = Field(1.0, ge=0.25, le=4.0)


@router.post("/v1/audio/speech")
async def create_speech(request: Request, body: SpeechRequest) -> Response:
    """Return `input` as speech: mono, 16 bits, 24 kHz; pcm is streamed clause by clause."""
    services = service_context(request).models.services
    synthesizer, worker = services.synthesizer, services.tts_worker
    if synthesizer is None:
        raise ProblemError(503, "no speech synthesizer is loaded: this service cannot speak")
    _check(body)
    clauses, _ = split_clauses(body.input, last=True)
    resampler = Resampler(synthesizer.rate, RATE)

    async def pieces() -> AsyncIterator[bytes]:
        state = resampler.init_state()
        for clause in clauses:
            state, made = resampler.step(state, await worker.run(synthesizer.synthesize, clause))
            for samples in made:
                yield encode_pcm(samples, "pcm16")
        for samples in resampler.flush(state):
            yield encode_pcm(samples, "pcm16")

    if body.response_format == "pcm":
        return StreamingResponse(pieces(), media_type=f"audio/pcm;rate={RATE}")
    pcm = b"".join([piece async for piece in pieces()])
    return Response(wav_file(pcm), media_type="audio/wav")


def _check(body: SpeechRequest) -> None:
    """Refuse options that would be ignored otherwise."""
    if body.response_format not in SUPPORTED_FORMATS:
        raise ProblemError(
            400,
            f"response_format {body.response_format!r} is not supported: "
            f"use {' or '.join(SUPPORTED_FORMATS)}",
            param="response_format",
        )
    if body.speed != 1.0:
        raise ProblemError(400, "speed is not supported: omit it", param="speed")


def wav_file(pcm: bytes) -> bytes:
    """Return 16-bit mono PCM at 24 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(pcm)
    return file.getvalue()
