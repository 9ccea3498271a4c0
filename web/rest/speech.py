"""POST /v1/audio/speech: text to speech with the service's voice."""

import io
import wave
from collections.abc import AsyncIterator
from typing import Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from media.pipeline.speech.clauses import split_clauses
from web.context import authenticate, service_context
from web.problems import ProblemError

router = APIRouter()

RATE = 24_000  # samples a second of what is returned, as the real API's pcm
SUPPORTED = ("wav", "pcm")


class SpeechWish(BaseModel):
    """What to say; a voice or model that is not here is met by the one that is."""

    input: str = Field(min_length=1, max_length=4096)
    model: str = ""
    voice: str | dict[str, str] = ""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "wav"
    stream_format: Literal["audio"] = "audio"
    speed: float = Field(1.0, ge=0.25, le=4.0)


@router.post("/v1/audio/speech", dependencies=[Depends(authenticate)])
async def speak(request: Request, wish: SpeechWish) -> Response:
    """Return `input` as sound: mono, 16 bits, 24 kHz; pcm is streamed clause by clause."""
    services = service_context(request).models.services
    voice, mouth = services.synthesizer, services.tts_worker
    if voice is None:
        raise ProblemError(503, "no voice is loaded: this service cannot speak")
    _check(wish)
    clauses, _ = split_clauses(wish.input, last=True)
    resampler = Resampler(voice.rate, RATE)

    async def pieces() -> AsyncIterator[bytes]:
        state = resampler.init_state()
        for clause in clauses:
            state, made = resampler.step(state, await mouth.run(voice.synthesize, clause))
            for samples in made:
                yield encode_pcm(samples, "pcm16")
        for samples in resampler.flush(state):
            yield encode_pcm(samples, "pcm16")

    if wish.response_format == "pcm":
        return StreamingResponse(pieces(), media_type=f"audio/pcm;rate={RATE}")
    sound = b"".join([piece async for piece in pieces()])
    return Response(wav(sound), media_type="audio/wav")


def _check(wish: SpeechWish) -> None:
    """Refuse what would be ignored otherwise."""
    if wish.response_format not in SUPPORTED:
        raise ProblemError(
            400,
            f"response_format {wish.response_format!r} is not supported: "
            f"use {' or '.join(SUPPORTED)}",
            param="response_format",
        )
    if wish.speed != 1.0:
        raise ProblemError(400, "speed is not supported: leave it out", param="speed")


def wav(sound: bytes) -> bytes:
    """Return 16-bit mono PCM at 24 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(sound)
    return file.getvalue()
