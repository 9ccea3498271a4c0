import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from media.worker import Worker, finish
from tests.patience import PATIENCE


async def _cancelled(
    work: Coroutine[Any, Any, Any], started: asyncio.Event, may_end: asyncio.Event
) -> None:
    """Cancel the caller of `work` once it has `started`, check that it waits, and let it end."""
    task = asyncio.create_task(work)  # noqa: TID251  (cancelled alone)
    await started.wait()
    task.cancel()
    for _ in range(5):  # turns of the loop in which it could end too soon
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_is_finished_though_its_caller_is_cancelled() -> None:
    worker = Worker("slow")
    started, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        started.set()
        await may_end.wait()
        ended.append(await worker.run(lambda: "closed"))

    await _cancelled(finish(work()), started, may_end)
    assert ended == ["closed"]
    worker.close()


async def test_results_and_errors_are_passed_on() -> None:
    async def good() -> int:
        return 7

    async def bad() -> int:
        raise ValueError("no")

    assert await finish(good()) == 7
    with pytest.raises(ValueError, match="no"):
        await finish(bad())


async def test_the_result_for_a_cancelled_caller_is_undone() -> None:
    started, may_end = asyncio.Event(), asyncio.Event()
    opened: list[str] = []

    async def opening() -> str:
        started.set()
        await may_end.wait()
        opened.append("memory")
        return "memory"

    async def undo(made: str) -> None:
        opened.remove(made)

    await _cancelled(finish(opening(), undo), started, may_end)
    assert opened == []


async def test_the_error_of_work_for_a_cancelled_caller_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        started.set()
        await may_end.wait()
        raise ValueError("no room left")

    await _cancelled(finish(failing()), started, may_end)
    assert "no room left" in caplog.text


async def test_ending_a_worker_does_not_wait_for_the_call_that_runs() -> None:
    worker, started, released = Worker("w"), threading.Event(), threading.Event()

    def call() -> str:
        started.set()
        released.wait()
        return "done"

    loop = asyncio.get_running_loop()
    running = loop.create_task(worker.run(call))
    assert await loop.run_in_executor(None, started.wait, PATIENCE)
    waiting = loop.create_task(worker.run(call))
    await asyncio.sleep(0)
    worker.end()
    released.set()
    assert await running == "done"
    with pytest.raises(asyncio.CancelledError):
        await waiting
