"""A clock that goes on when the test says so, and a device whose computations take its time."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Any, ParamSpec, TypeVar

from media.servers.backlog import Backlog, Batch, Job, WaitingJobs
from media.worker import Worker

P = ParamSpec("P")
T = TypeVar("T")


class SteppedClock:
    """Time goes on only by `go`, from one waiting task to the next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    async def sleep_until(self, time: float) -> None:
        if time <= self._now:
            return
        waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (time, next(self._order), waited))
        await waited

    async def go(self, until: float) -> None:
        """Let all that is due before `until` happen, in order."""
        await settled()
        while self._waiting and self._waiting[0][0] <= until:
            self._now, _, waited = heapq.heappop(self._waiting)
            if not waited.cancelled():
                waited.set_result(None)
            await settled()
        self._now = until


async def settled() -> None:
    """Let every task run until it waits for time; nothing here runs on a thread."""
    for _ in range(60):
        await asyncio.sleep(0)


class SteppedDevice:
    """Runs up to `slots` batches at the same time; each takes `cost` seconds of the clock."""

    def __init__(
        self, clock: SteppedClock, cost: Callable[[Batch], float], *, slots: int = 1
    ) -> None:
        self.now = clock.now
        self.batches: list[tuple[str, int]] = []  # the queue of each, and its number of jobs
        self._clock = clock
        self._cost = cost
        self._backlog = Backlog(slots)
        self._tasks: set[asyncio.Task[None]] = set()

    def add_queue(self, queue: WaitingJobs) -> None:
        self._backlog.queues.append(queue)

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        queue.jobs.append(job)
        self._start()

    def _start(self) -> None:
        while batch := self._backlog.take(self.now()):
            self.batches.append((batch.queue.name, len(batch.jobs)))
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._tasks.add(task)

    async def _run(self, batch: Batch) -> None:
        await self._clock.sleep_until(self.now() + self._cost(batch))
        outcomes = batch.compute()
        self._backlog.finish(batch, outcomes, self.now())
        task = asyncio.current_task()
        assert task is not None
        self._tasks.discard(task)
        batch.deliver(outcomes)
        self._start()


class InlineWorker(Worker):
    """Runs each call at once, in the event loop."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return call(*args, **kwargs)


class InlineDevice:
    """Runs each job when it is submitted."""

    def add_queue(self, queue: WaitingJobs) -> None:
        pass

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        job.result.set_running_or_notify_cancel()
        batch = Batch(queue, (job,), 0.0)
        batch.deliver(batch.compute())

    def now(self) -> float:
        return 0.0
