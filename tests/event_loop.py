"""Fails a test in which one callback keeps an event loop busy for too long.

What counts is the CPU time of the loop's own thread, so that a busy machine makes no difference,
without garbage collection: the heap of a whole test run is not the service's (`web.serve` freezes
what it loaded). A test's own coroutines may compute for any time: callbacks of the product count.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT = 0.1  # seconds of CPU time
TESTS = str(Path(__file__).parent)


@contextmanager
def slow_callbacks(limit: float = LIMIT) -> Iterator[list[str]]:
    """Yield a list that fills with a line for each callback over `limit` seconds."""
    slow: list[str] = []
    run = asyncio.Handle._run
    collecting = [0.0, 0.0]  # seconds in all, and when the present collection began

    def collected(phase: str, _: object) -> None:
        now = time.thread_time()
        if phase == "start":
            collecting[1] = now
        else:
            collecting[0] += now - collecting[1]

    def timed(handle: asyncio.Handle) -> None:
        begin = time.thread_time() - collecting[0]
        run(handle)
        spent = time.thread_time() - collecting[0] - begin
        if spent > limit and not _is_of_a_test(handle):
            slow.append(f"{spent:.2f} s: {_task(handle) or handle!r}")

    gc.callbacks.append(collected)
    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    try:
        yield slow
    finally:
        gc.callbacks.remove(collected)
        asyncio.Handle._run = run  # type: ignore[method-assign]


def _is_of_a_test(handle: asyncio.Handle) -> bool:
    task = _task(handle)
    code = getattr(task and task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(TESTS)


def _task(handle: asyncio.Handle) -> "asyncio.Task[Any] | None":
    """Return the task that `handle` takes a step of, if it does."""
    owner = getattr(handle._callback, "__self__", None)  # type: ignore[attr-defined]
    return owner if isinstance(owner, asyncio.Task) else None
