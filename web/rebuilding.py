"""Makes what a recording remembers again: its session runs once more through today's models."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from media.errors import MediaError
from media.events.generation import GenerationConfig
from media.recording.event_lines import read_lines
from media.recording.layout import EVENTS_FILE, GENERATED_FILE, HISTORY_FILE, MEMORY_FOLDER
from models.errors import ModelError
from web.config import Settings
from web.errors import failure_message
from web.history.entries import Fields
from web.history.recording_files import Summary, write_summary
from web.history.recordings import REBUILT, Recording
from web.history.remake import Remake
from web.history.store import RecordingStore
from web.loading.models import LoadedModels
from web.problems import ProblemError
from web.rerun import run_recording

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Rebuilding:
    """The rebuilding of recording `id` in `task`; `failure` says why it was given up."""

    id: str
    remake: Remake
    failure: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.task is not None and not self.task.done()


class Rebuilder:
    """Rebuilds one recording at a time; `tasks` has the task that does it."""

    def __init__(
        self,
        settings: Settings,
        models: LoadedModels,
        store: RecordingStore,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings, self._models = settings, models
        self._store, self._tasks = store, tasks
        self._last: Rebuilding | None = None

    def start(self, recording: Recording) -> None:
        """Start to rebuild `recording`.

        Raises:
            ProblemError: one is being rebuilt, or `recording` is in use or cannot be read.
        """
        if self._last is not None and self._last.running:
            busy = "another recording is being rebuilt: try again later"
            raise ProblemError(409, busy, code="rebuilding", headers={"Retry-After": "5"})
        if recording.state in ("live", "broken"):
            detail = f"recording {recording.id} is {recording.state}: it cannot be rebuilt"
            raise ProblemError(409, detail, code="recording_unreadable")
        with ExitStack() as uses:
            uses.enter_context(self._store.using(recording.id, "is being rebuilt"))
            rate = round(self._models.limits.frame_output.rate)
            state = Rebuilding(recording.id, Remake(recording.home / REBUILT, rate))
            state.task = self._tasks.create_task(self._run(recording, state), name="rebuild")
            # A task that is cancelled before it starts never reaches a `finally` of its own.
            held = uses.pop_all()
            state.task.add_done_callback(lambda _: held.close())
            self._last = state

    def stop(self, id: str) -> bool:
        """Give up rebuilding recording `id`; return whether it was being rebuilt."""
        last = self._last
        if last is None or last.id != id or last.task is None or not last.running:
            return False
        last.failure = "it was stopped"
        return last.task.cancel()

    def close(self) -> None:
        """Give up what is being rebuilt, as the service ends."""
        if self._last is not None:
            self.stop(self._last.id)

    def fields(self, id: str) -> Fields:
        """Return how many seconds of recording `id` are rebuilt, or why that failed."""
        last = self._last
        if last is None or last.id != id:
            return {"rebuilding": None, "rebuilding_failed": None}
        seconds = round(last.remake.seconds, 3) if last.running else None
        return {"rebuilding": seconds, "rebuilding_failed": last.failure or None}

    async def _run(self, recording: Recording, state: Rebuilding) -> None:
        """Rebuild; what there was stays if that fails."""
        scratch = recording.home / REBUILT
        await self._store.run(shutil.rmtree, scratch, ignore_errors=True)
        work = _explained(self._remake(recording, state.remake), recording.home, state)
        try:
            failure = await failure_message(work, f"rebuilding recording {recording.id}")
            state.failure = failure or state.failure
        finally:
            await self._store.run(shutil.rmtree, scratch, ignore_errors=True)

    async def _remake(self, recording: Recording, remake: Remake) -> None:
        generates = await self._store.run(_generates, recording.home)
        async with remake:
            await run_recording(
                self._models,
                self._settings,
                recording.home,
                remake.send,
                return_video=generates,
                memory=recording.home / REBUILT / MEMORY_FOLDER,
                durable_memory=True,
                each=remake.take,
            )
        await self._store.run(_replace, recording.home, remake.summary())


async def _explained(work: Awaitable[None], home: Path, state: Rebuilding) -> None:
    """Await `work`; a recording that cannot be read is a failure that its user understands."""
    try:
        await work
    except* (MediaError, ModelError, OSError) as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        state.failure = str(error).replace(f"{home}/", "")  # clients do not see paths
        logger.warning("recording %s was not rebuilt: %s", state.id, error)


def _generates(home: Path) -> bool:
    lines = read_lines(home / EVENTS_FILE)
    return any(isinstance(e.event, GenerationConfig) and e.event.enabled for e in lines)


def _replace(home: Path, summary: Summary) -> None:
    """Put what was rebuilt in the place of what there was.

    Raises:
        OSError: the folder cannot be written.
    """
    shutil.rmtree(home / MEMORY_FOLDER, ignore_errors=True)
    for name in (MEMORY_FOLDER, HISTORY_FILE, GENERATED_FILE):
        if (home / REBUILT / name).exists():
            (home / REBUILT / name).replace(home / name)
    write_summary(home, summary)
