"""What every route needs: one value, made when the service starts and held by the application."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.requests import HTTPConnection

from media.clock import Clock
from media.pipeline.models import GenerationService
from media.worker import Worker
from web.auth import Keys, bearer_token
from web.config import Settings
from web.model_loading import LoadedModels, turn_detection
from web.protocol.session_config import Capabilities, GenerationCapabilities
from web.sessions import Sessions

MODEL_NAME = "eyeline"  # the name under which sessions answer, whatever models are behind them


@dataclass(frozen=True, slots=True, eq=False)
class ServiceContext:
    """The service as its routes see it.

    `files` reads and transcribes uploaded files, apart from what live sessions run on; `calls`
    holds the tasks of WebRTC calls, which outlive the request that made them. `closing` tells
    work on a thread that nobody waits for it any more; `uploads` bounds the files in work, and
    `questions` the answers outside sessions. `past` keeps apart who asks sessions that are over.
    """

    settings: Settings
    models: LoadedModels
    capabilities: Capabilities
    sessions: Sessions
    keys: Keys
    clock: Clock
    file_worker: Worker
    tasks: asyncio.TaskGroup
    closing: threading.Event
    upload_slots: asyncio.Semaphore
    question_slots: asyncio.Semaphore
    ended_session_lock: asyncio.Lock

    def close(self) -> None:
        """Ask all that runs to end; what is not done soon is cut off."""
        self.closing.set()
        self.sessions.end_all()


def capabilities(settings: Settings, models: LoadedModels) -> Capabilities:
    """Return what this service has, as sessions are told."""
    synthesizer = models.services.synthesizer
    recognizer = Path(models.whisper.name).name  # a path is nobody else's business
    return Capabilities(
        model=MODEL_NAME,
        recognizers=(recognizer,),
        languages=("en",),
        voices=() if synthesizer is None else (getattr(synthesizer, "name", "default"),),
        turn_detection=turn_detection(settings),
        notices=models.notices,
        generation=generation_capabilities(settings, models.services.generation),
        generation_unavailable=models.generation_unavailable,
    )


def generation_capabilities(
    settings: Settings, generation: GenerationService | None
) -> GenerationCapabilities | None:
    """Return what draws, as sessions are told."""
    if generation is None:
        return None
    generator = generation.generator
    return GenerationCapabilities(
        description=generator.about,
        stand_in=generator.stand_in,
        size=generator.size,
        rate=settings.drawing_rate,
        samplers={name: steps.default for name, steps in generator.samplers.items()},
        tracks=generator.tracks,
        things=generator.things,
        backgrounds=generator.backgrounds,
        max_prompt_length=settings.prompt_length,
        max_track_points=settings.track_points,
    )


def service_context(connection: HTTPConnection) -> ServiceContext:
    """Return the context that the application of `connection` holds."""
    context = connection.app.state.context
    assert isinstance(context, ServiceContext)
    return context


async def authenticate(request: Request) -> Mapping[str, Any]:
    """Return the session wished for by the request's client secret, if it has one.

    Raises:
        ProblemError: the request has no valid key.
    """
    context = service_context(request)
    return context.keys.authenticate(bearer_token(request.headers), now=context.clock.now())


def unix_time() -> int:
    """Return the wall-clock time, for the fields of protocols that count from 1970."""
    return int(datetime.now(UTC).timestamp())
