"""The tasks of the service, of which none can end the others by failing."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from web.errors import failure_message


class ServiceTasks(asyncio.TaskGroup):
    """A task group whose tasks fail alone: the error is logged, and the service goes on."""

    def create_task(  # type: ignore[override]  # none of its tasks has a result
        self,
        coro: Coroutine[Any, Any, None],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[None]:
        return super().create_task(_alone(coro, name or "a task"), name=name, context=context)


async def _alone(work: Coroutine[Any, Any, None], name: str) -> None:
    await failure_message(work, name)
