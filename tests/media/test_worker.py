import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.worker import Worker, finish


async def _cancelled(
    work: Coroutine[Any, Any, Any], begun: asyncio.Event, may_end: asyncio.Event
) -> None:
    """Cancel who waits for `work` once it has `begun`, see that it waits on, and let it end."""
    task = asyncio.create_task(work)  # noqa: TID251  (cancelled alone)
    await begun.wait()
    task.cancel()
    for _ in range(5):  # turns of the loop in which it could end too soon
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_is_waited_for_though_its_task_is_cancelled() -> None:
    worker = Worker("slow")
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.append(await worker.run(lambda: "closed"))

    await _cancelled(finish(work()), begun, may_end)
    assert ended == ["closed"]
    worker.close()


async def test_what_the_work_returns_or_raises_is_handed_on() -> None:
    async def good() -> int:
        return 7

    async def bad() -> int:
        raise ValueError("no")

    assert await finish(good()) == 7
    with pytest.raises(ValueError, match="no"):
        await finish(bad())


async def test_what_nobody_waits_for_any_more_is_undone() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    opened: list[str] = []

    async def opening() -> str:
        begun.set()
        await may_end.wait()
        opened.append("memory")
        return "memory"

    async def undo(made: str) -> None:
        opened.remove(made)

    await _cancelled(finish(opening(), undo), begun, may_end)
    assert opened == []


async def test_the_error_of_work_that_nobody_waits_for_any_more_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        begun.set()
        await may_end.wait()
        raise ValueError("no room left")

    await _cancelled(finish(failing()), begun, may_end)
    assert "no room left" in caplog.text
