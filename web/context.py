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
from media.pipeline.interfaces import GenerationService
from media.worker import Worker
from web.auth import Keys, bearer
from web.compose import LoadedModels, turn_detection
from web.config import Settings
from web.protocol.session_config import Capabilities, GenerationCapabilities
from web.sessions import Sessions

MODEL = "eyeline"  # the name under which sessions answer, whatever models are behind them


@dataclass(frozen=True, slots=True, eq=False)
class ServiceContext:
    """The service as its routes see it.

    `files` reads and transcribes uploaded files, apart from what live sessions run on; `calls`
    holds the tasks of WebRTC calls, which outlive the request that made them. `closing` tells
    work on a thread that nobody waits for it any more; `uploads` bounds the files in work, and
    `questions` the answers outside sessions. `past` keeps apart who asks sessions that are over.
    """

    settings: Settings
    composed: LoadedModels
    local: Capabilities
    sessions: Sessions
    keys: Keys
    clock: Clock
    files: Worker
    calls: asyncio.TaskGroup
    closing: threading.Event
    uploads: asyncio.Semaphore
    questions: asyncio.Semaphore
    past: asyncio.Lock

    def close(self) -> None:
        """Ask all that runs to end; what is not done soon is cut off."""
        self.closing.set()
        self.sessions.dismiss()


def capabilities(settings: Settings, composed: LoadedModels) -> Capabilities:
    """Return what this service has, as sessions are told."""
    voice = composed.services.synthesizer
    recogniser = Path(composed.whisper.name).name  # a path is nobody else's business
    return Capabilities(
        model=MODEL,
        recognisers=(recogniser,),
        languages=("en",),
        voices=() if voice is None else (getattr(voice, "name", "default"),),
        detection=turn_detection(settings),
        notices=composed.notices,
        generation=generation_capabilities(settings, composed.services.generation),
        generation_unavailable=composed.generation_unavailable,
    )


def generation_capabilities(
    settings: Settings, studio: GenerationService | None
) -> GenerationCapabilities | None:
    """Return what draws, as sessions are told."""
    if studio is None:
        return None
    painter = studio.generator
    return GenerationCapabilities(
        about=painter.about,
        stand_in=painter.stand_in,
        size=painter.size,
        rate=settings.drawing_rate,
        samplers={name: steps.own for name, steps in painter.samplers.items()},
        tracks=painter.tracks,
        things=painter.things,
        backgrounds=painter.backgrounds,
        longest_prompt=settings.prompt_length,
        most_points=settings.track_points,
    )


def service_context(connection: HTTPConnection) -> ServiceContext:
    """Return the edge that the application of `connection` holds."""
    edge = connection.app.state.edge
    assert isinstance(edge, ServiceContext)
    return edge


async def admit(request: Request) -> Mapping[str, Any]:
    """Return the session wished for by the request's client secret, if it has one.

    Raises:
        ProblemError: the request has no valid key.
    """
    edge = service_context(request)
    return edge.keys.admit(bearer(request.headers), now=edge.clock.now())


def unix_time() -> int:
    """Return the wall-clock time, for the fields of protocols that count from 1970."""
    return int(datetime.now(UTC).timestamp())
