"""Where a session keeps its memory, and its inputs and history if sessions are recorded."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import ExitStack, aclosing, suppress
from pathlib import Path
from typing import Any

from media.clock import Clock
from media.events.session import Input
from media.events.vision import Degraded
from media.pipeline.context import Send
from media.pipeline.session import run_session
from media.recording.layout import MEMORY_FOLDER
from media.recording.writer import record as record_inputs
from media.worker import DiskWorker, Worker
from models.errors import StoreError
from web.config import Settings
from web.context import ServiceContext, unix_time
from web.history.recording_files import HistoryWriter, SessionFacts, write_summary
from web.sessions.record import SessionRecord
from web.temporary_folder import temporary_folder

logger = logging.getLogger(__name__)


async def run_stored_session(
    context: ServiceContext,
    record: SessionRecord,
    source: AsyncIterable[Input],
    send: Send,
    *,
    clock: Clock,
    **options: Any,
) -> None:
    """Run the session of `record`; with the setting `recordings`, keep its inputs and memory.

    In a cluster its memory can go on in another process.

    Raises:
        ExceptionGroup: a stage failed.
    """
    with ExitStack() as stack:
        if context.traces is not None:
            traced = context.traces.following(record.id, clock, source, send)
            source, send = stack.enter_context(traced)
        await _run_stored(context, record, source, send, clock=clock, **options)


async def _run_stored(
    context: ServiceContext,
    record: SessionRecord,
    source: AsyncIterable[Input],
    send: Send,
    **options: Any,
) -> None:
    """Run the session where its memory is kept."""
    noted, settings = _noted(source, record), context.settings
    memory = None if context.cluster is None else context.cluster.memory_folder(record)
    if settings.recordings is None:
        with ExitStack() as stack:
            folder = memory or await _temporary_folder(settings, stack, send)
            options["durable_memory"] = memory is not None
            await run_session(noted, send, memory=folder, **options)
        return
    recorder = DiskWorker("recorder", max_wait=settings.disk_timeout)
    home = settings.recordings / record.stored_as
    stopped = asyncio.Event()  # before the end: what there is, is no whole session

    async def report(output: Degraded) -> None:
        stopped.set()
        await send(output)

    try:
        async with (
            asyncio.TaskGroup() as tasks,
            aclosing(record_inputs(noted, home, recorder, report)) as recorded,
        ):
            history = _write_history(record, home, recorder, stopped)
            writing = tasks.create_task(history, name="history")
            try:
                memory = memory or home / MEMORY_FOLDER
                await run_session(recorded, send, memory=memory, durable_memory=True, **options)
            finally:
                await record.history.end()
                await writing
    finally:
        recorder.end()


async def _temporary_folder(settings: Settings, stack: ExitStack, send: Send) -> Path | None:
    """Return a folder until `stack` ends, or None if there can be none."""
    try:
        return stack.enter_context(temporary_folder(settings.memory_folder))
    except StoreError as error:
        logger.warning("the memory of a session is limited to RAM: %s", error)
        await send(Degraded(f"the memory of this session is limited to RAM: {error}"))
        return None


async def _noted(source: AsyncIterable[Input], record: SessionRecord) -> AsyncIterator[Input]:
    """Yield `source`, and note in the history what of it belongs there."""
    async for item in source:
        await record.note_input(item)
        yield item


async def _write_history(
    record: SessionRecord, home: Path, worker: Worker, stopped: asyncio.Event
) -> None:
    """Write the history of a session beside its recording until it ends, then its summary.

    A recording that has `stopped` before gets none, by which it is known to have no end.

    A folder that cannot be written is reported with the inputs, which need the same one.
    """
    writer = HistoryWriter(home)
    facts = SessionFacts(kind=record.kind, started=unix_time(), owner=record.owner)
    try:
        await worker.run(writer.open, facts)
        async for _, entry in record.history.follow():
            await worker.run(writer.write, entry)
        if not stopped.is_set():
            summary = writer.summary(record.media_time(), "recorded")
            await worker.run(write_summary, home, summary)
    except OSError as error:
        logger.warning("the history of session %s is not kept: %s", record.id, error)
    finally:
        with suppress(OSError):  # the disk has stalled
            await worker.run(writer.close)
