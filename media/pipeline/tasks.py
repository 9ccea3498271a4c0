"""Tasks of a session, which wait for one another: none may end without an error and not be done."""

import asyncio
from collections.abc import Coroutine

from media.errors import as_failure


def start_task(
    group: asyncio.TaskGroup, work: Coroutine[None, None, None], *, name: str
) -> asyncio.Task[None]:
    """Start `work` in `group`; a cancellation that nobody asked for fails the group.

    A task group takes a task that raises `CancelledError` for one that has ended, and what waits
    for its results would wait for ever.
    """
    return group.create_task(_unless_cancelled(work), name=name)


async def _unless_cancelled(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        raise
    except BaseException as error:
        task = asyncio.current_task()
        assert task is not None
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            raise
        raise as_failure(error)  # noqa: B904  (it has its cause)
