"""A clock that goes on when the test says so, and a device whose computations take its time."""

import asyncio
import heapq
import threading
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
        self.computing = 0  # threads of a `SteppedWorker` that do not wait for a device
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
        await self._settled()
        while self._waiting and self._waiting[0][0] <= until:
            self._now, _, waited = heapq.heappop(self._waiting)
            if not waited.cancelled():
                waited.set_result(None)
            await self._settled()
        self._now = until

    async def _settled(self) -> None:
        """Let every task and thread run until it waits for time, or for a device."""
        await settled()
        while self.computing:
            await asyncio.sleep(0)
            if not self.computing:
                await settled()


async def settled() -> None:
    """Let every task run until it waits for time, or for a thread."""
    for _ in range(60):
        await asyncio.sleep(0)


class SteppedDevice:
    """Runs up to `slots` batches at the same time; each takes `cost` seconds of the clock.

    The event loop that makes it runs them; threads of a `SteppedWorker` may add jobs.
    """

    def __init__(
        self, clock: SteppedClock, cost: Callable[[Batch], float], *, slots: int = 1
    ) -> None:
        self.now = clock.now
        self.batches: list[tuple[str, int]] = []  # the queue of each, and its number of jobs
        self._clock = clock
        self._cost = cost
        self._backlog = Backlog(slots)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def add_queue(self, queue: WaitingJobs) -> None:
        self._backlog.queues.append(queue)

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        if threading.get_ident() == self._thread:
            queue.jobs.append(job)
            self._start()
        else:
            self._loop.call_soon_threadsafe(self._submit_waiting, queue, job)

    def _submit_waiting(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        """Add a job that a thread waits for."""
        self._clock.computing -= 1
        job.result.add_done_callback(self._goes_on)
        queue.jobs.append(job)
        self._start()

    def _goes_on(self, _: object) -> None:
        self._clock.computing += 1

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


class SteppedWorker(Worker):
    """A worker whose threads take no time of the clock, but for what they wait for."""

    def __init__(self, clock: SteppedClock, *, threads: int) -> None:
        super().__init__("stepped", threads=threads)
        self._clock = clock

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._clock.computing += 1
        try:
            return await super().run(call, *args, **kwargs)
        finally:
            self._clock.computing -= 1


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
