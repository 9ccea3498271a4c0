"""The state that all routes share, created when the service starts."""

import asyncio
import threading
from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import HTTPConnection

from media.clock import Clock
from media.events.session import Input
from media.pipeline.context import Send
from media.worker import Worker
from web.access.admission import Load, Shares
from web.access.auth import Caller, ClientSecret
from web.access.doorkeeper import Doorkeeper
from web.access.waiting_line import WaitingLine
from web.config import Settings
from web.history.store import RecordingStore
from web.history.tickets import Tickets
from web.loading.models import LoadedModels, turn_detection
from web.protocol.session_config import Capabilities, GenerationCapabilities
from web.rebuilding import Rebuilder
from web.sessions.record import SessionKind, SessionRecord
from web.sessions.registry import Sessions
from web.settings.checks import SMALL

MODEL_NAME = "eyeline"  # of sessions in the API, whatever models are loaded


@dataclass(frozen=True, slots=True, eq=False)
class WaitingLines:
    """Limits of bytes of uploads, files in work, and answers outside conversations."""

    storage: WaitingLine
    files: WaitingLine
    questions: WaitingLine


def waiting_lines(settings: Settings) -> WaitingLines:
    longest = settings.waiting
    return WaitingLines(
        storage=WaitingLine(settings.upload_space, longest=longest),
        files=WaitingLine(settings.uploads, longest=longest),
        questions=WaitingLine(settings.questions, longest=longest),
    )


def service_sessions(
    settings: Settings, models: LoadedModels, doorkeeper: Doorkeeper, clock: Clock
) -> Sessions:
    """Return the sessions of a service, of which there are none yet."""
    return Sessions(
        settings.sessions,
        clock,
        retention=settings.captions_kept,
        patience=settings.resume_timeout,
        load=Load(models.services.speech_wait, settings.busy),
        shares=Shares(settings.secret_sessions, doorkeeper.rates),
        audit=doorkeeper.audit,
    )


class SessionTraces(Protocol):
    """Traces of what sessions do (`web.operation.traces`)."""

    def following(
        self, session: str, clock: Clock, source: AsyncIterable[Input], send: Send
    ) -> AbstractContextManager[tuple[AsyncIterable[Input], Send]]:
        """Return `source` and `send` of a session that note the times of what passes."""


class ClusterEdge(Protocol):
    """What this service does as one of several machines (`web.cluster`)."""

    async def add(self, record: SessionRecord) -> None:
        """Let other machines know of a session that started here."""

    async def remove(self, record: SessionRecord) -> None:
        """Let them keep nothing of a session that ended here."""

    async def keep(self, record: SessionRecord, event: int) -> bool:
        """Let another machine keep what a session needs to go on there, before `event` is sent.

        Return False if it must not be sent: this machine ends, and no other has the session.
        """

    def memory_folder(self, record: SessionRecord) -> Path:
        """Return where the memory of a session is."""

    async def share_secret(self, secret: ClientSecret) -> None:
        """Let them accept a client secret that was created here."""

    async def learn_secret_of(self, owner: str) -> None:
        """Learn the client secret of `owner`, if another machine has created one."""

    async def share_revoked(self) -> None:
        """Let other machines know of client secrets that were revoked here."""

    async def leave(self) -> None:
        """Leave the cluster, before the service ends."""

    def description(self) -> Mapping[str, Any]:
        """Return what /health says of it."""


@dataclass(frozen=True, slots=True, eq=False)
class ServiceContext:
    """The service as its routes see it.

    `file_worker` reads uploaded files, and waits for their transcription; `message_worker` parses
    long messages of clients. `tasks` has the tasks that outlive the request that created them.
    `closing` is set when the service ends. `ended_session_lock` admits one question at a time about
    sessions that have ended. `tickets` are of videos of `recordings`, and `rebuilder` makes their
    memories again. `cluster` is None on a machine that runs alone, and
    `traces` where none are wanted.
    """

    settings: Settings
    models: LoadedModels
    capabilities: Capabilities
    sessions: Sessions
    doorkeeper: Doorkeeper
    clock: Clock
    file_worker: Worker
    message_worker: Worker
    tasks: asyncio.TaskGroup
    closing: threading.Event
    lines: WaitingLines
    ended_session_lock: asyncio.Lock
    recordings: RecordingStore
    rebuilder: Rebuilder
    tickets: Tickets
    cluster: ClusterEdge | None = None
    traces: SessionTraces | None = None

    async def start_session(self, kind: SessionKind, caller: Caller) -> SessionRecord:
        """Return a new session, see `Sessions.start`."""
        record = self.sessions.start(kind, caller)
        if self.cluster is not None:
            await self.cluster.add(record)
        return record

    async def adopt_session(self, record: SessionRecord) -> None:
        """Take a session that another machine has had."""
        self.sessions.adopt(record)
        if self.cluster is not None:
            await self.cluster.add(record)

    async def end_session(self, record: SessionRecord) -> None:
        """End a session; its captions are kept for a while."""
        await self.sessions.end(record)
        if self.cluster is not None:
            await self.cluster.remove(record)

    def close(self) -> None:
        """Ask sessions and other work to end; the service cuts off what does not end soon."""
        self.closing.set()
        self.sessions.close()
        self.rebuilder.close()
        self.sessions.end_all()


def capabilities(settings: Settings, models: LoadedModels) -> Capabilities:
    """Return what sessions can use of `models`."""
    synthesizer = models.services.synthesizer
    recognizer = Path(models.whisper.name).name  # clients do not see paths
    return Capabilities(
        model=MODEL_NAME,
        recognizers=(recognizer,),
        languages=settings.languages,
        language=settings.language,
        english_only=models.services.answerer.outside is None and settings.video_model == SMALL,
        voices=() if synthesizer is None else (synthesizer.voice,),
        turn_detection=turn_detection(settings),
        notices=models.notices,
        history=settings.answers_history,
        tools=models.services.answerer.tools,
        speakers=models.services.speakers is not None,
        generation=generation_capabilities(settings, models),
        generation_unavailable=models.generation_unavailable,
    )


def generation_capabilities(
    settings: Settings, models: LoadedModels
) -> GenerationCapabilities | None:
    """Return what sessions can use of the generation model."""
    generation = models.services.generation
    if generation is None:
        return None
    generator = generation.generator
    return GenerationCapabilities(
        description=generator.about,
        stand_in=generator.stand_in,
        size=generator.size,
        rate=models.limits.frame_output.rate,
        samplers={name: steps.default for name, steps in generator.samplers.items()},
        tracks=generator.tracks,
        vocabulary=generator.vocabulary,
        max_looks=settings.drawing_looks if generator.takes_looks else 0,
        max_prompt_length=settings.prompt_length,
        max_track_points=settings.track_points,
    )


def service_context(connection: HTTPConnection) -> ServiceContext:
    """Return the context that the application of `connection` holds."""
    context = connection.app.state.context
    assert isinstance(context, ServiceContext)
    return context


def unix_time() -> int:
    """Return the wall-clock time, for the fields of protocols that count from 1970."""
    return int(datetime.now(UTC).timestamp())
