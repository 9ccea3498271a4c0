"""Threads that compute for all models of one processor, the most urgent first."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from math import inf
from typing import Any, Protocol, TypeVar

from media.clock import monotonic
from media.servers.backlog import Backlog, Batch, Computation, Job, WaitingJobs
from media.servers.measurements import QueueStats
from media.servers.urgency import Urgency

I = TypeVar("I")
O = TypeVar("O")
T = TypeVar("T")


class RunsJobs(Protocol):
    """What runs the jobs of queues: a `Device`, or what stands in for one in a test."""

    def add_queue(self, queue: WaitingJobs) -> None: ...

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None: ...

    def now(self) -> float: ...


class Device:
    """Runs jobs on threads, as many at once as a `Backlog` allows; they are not interrupted.

    Several event loops may submit jobs at the same time.
    """

    def __init__(
        self, name: str, *, slots: int, urgent: int = 0, now: Callable[[], float] = monotonic
    ) -> None:
        self.name = name
        self.now = now
        self._max_threads = slots + urgent
        self._backlog = Backlog(slots, urgent)
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def add_queue(self, queue: WaitingJobs) -> None:
        with self._changed:
            self._backlog.queues.append(queue)

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        """Add a job.

        Raises:
            RuntimeError: the device is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the device {self.name} is closed")
            queue.jobs.append(job)
            if self._idle < self._backlog.waiting and len(self._threads) < self._max_threads:
                thread = threading.Thread(target=self._work, name=self.name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for running computations, and drop those that have not started."""
        with self._changed:
            self._closed = True
            self._backlog.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            outcomes = batch.compute()
            with self._changed:
                self._backlog.finish(batch, outcomes, self.now())
                self._changed.notify_all()
            batch.deliver(outcomes)

    def _next(self) -> Batch | None:
        """Wait for a batch; return None once the device is closed."""
        with self._changed:
            self._idle += 1
            try:
                while not self._closed:
                    if (batch := self._backlog.take(self.now())) is not None:
                        return batch
                    self._changed.wait()
            finally:
                self._idle -= 1
        return None


class JobQueue:
    """The jobs of one model on a device; at most `parallel` batches run at the same time."""

    def __init__(self, device: RunsJobs, name: str, *, parallel: int = 1) -> None:
        self.device = device
        self._queue = WaitingJobs(name, parallel)
        device.add_queue(self._queue)

    @property
    def name(self) -> str:
        return self._queue.name

    @property
    def stats(self) -> QueueStats:
        return self._queue.stats

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._queue.jobs)

    @property
    def running(self) -> int:
        """How many batches run."""
        return self._queue.running

    def now(self) -> float:
        """Return the time of the device's clock."""
        return self.device.now()

    def snapshot(self) -> dict[str, float | int]:
        """Return what is measured, and what waits and runs now."""
        queue = self._queue
        oldest = min((job.submitted for job in list(queue.jobs)), default=self.now())
        return {
            "waiting": self.waiting,
            "oldest": round(max(0.0, self.now() - oldest), 3),
            "running": self.running,
            **queue.stats.snapshot(),
        }

    def mean_wait(self, urgencies: frozenset[Urgency], seconds: float) -> float:
        """Return how long jobs of `urgencies` waited in the mean during the last `seconds`.

        If one waits for longer now, that is its wait.
        """
        now = self.now()
        waiting = [job.submitted for job in list(self._queue.jobs) if job.urgency in urgencies]
        longest = now - min(waiting, default=now)
        return max(longest, self.stats.mean_wait(urgencies, now - seconds))

    def add(
        self,
        computation: Computation[I, O],
        item: I,
        urgency: Urgency,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> Future[O]:
        """Add a job, and return its future output; see `submit`. Any thread may call this."""
        now = self.now()
        job = Job(
            computation=computation,
            item=item,
            urgency=urgency,
            submitted=now if since is None else since,
            until=now + max_wait,
        )
        self.device.submit(self._queue, job)
        return job.result

    async def submit(
        self,
        computation: Computation[I, O],
        item: I,
        urgency: Urgency,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> O:
        """Return the output of `computation` for `item`.

        What was shed keeps its place if it comes again with the time `since` when it first waited.

        Raises:
            ShedError: it was not started within `max_wait` seconds.
        """
        job = self.add(computation, item, urgency, max_wait=max_wait, since=since)
        return await asyncio.wrap_future(job)

    async def run(self, call: Callable[[], T], urgency: Urgency, *, max_wait: float = inf) -> T:
        """Return the result of `call`, which is a job of its own.

        Raises:
            ShedError: it was not started within `max_wait` seconds.
        """

        def alone(_: object) -> list[T]:
            return [call()]

        return await self.submit(Computation(alone), None, urgency, max_wait=max_wait)
