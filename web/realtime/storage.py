"""Where a session keeps its memory, and its inputs if sessions are recorded."""

import logging
from collections.abc import AsyncIterable
from contextlib import ExitStack, aclosing
from typing import Any

from media.events.session import Input
from media.events.vision import Degraded
from media.pipeline.context import Send
from media.pipeline.session import run_session
from media.recording.layout import MEMORY_FOLDER
from media.recording.writer import record
from media.worker import Worker
from models.errors import StoreError
from web.config import Settings
from web.temporary_folder import temporary_folder

logger = logging.getLogger(__name__)


async def run_stored_session(
    settings: Settings, id: str, source: AsyncIterable[Input], send: Send, **options: Any
) -> None:
    """Run session `id`; with the setting `recordings`, record its inputs and keep its memory.

    Raises:
        ExceptionGroup: a stage failed.
    """
    if settings.recordings is None:
        with ExitStack() as stack:
            folder = None
            try:
                folder = stack.enter_context(temporary_folder(settings.memory_folder))
            except StoreError as error:
                logger.warning("the memory of a session is limited to RAM: %s", error)
                await send(Degraded(f"the memory of this session is limited to RAM: {error}"))
            await run_session(source, send, memory=folder, **options)
        return
    recorder = Worker("recorder")
    home = settings.recordings / id
    try:
        async with aclosing(record(source, home, recorder, send)) as recorded:
            memory = home / MEMORY_FOLDER
            await run_session(recorded, send, memory=memory, durable_memory=True, **options)
    finally:
        recorder.close()
