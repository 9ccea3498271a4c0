"""Threads that compute for all models of one processor, the most urgent first."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from math import inf
from typing import Any, Protocol, TypeVar

from media.clock import monotonic
from media.errors import HungError
from media.servers.backlog import Backlog, Batch, Computation, Job, WaitingJobs
from media.servers.measurements import QueueStats
from media.servers.urgency import Urgency

logger = logging.getLogger(__name__)
TICKS = 4  # in the time that a computation may take
MAX_HUNG = 4  # computations of one model; then its jobs fail at once

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

    A computation that takes longer than `max_run` seconds is given up: its jobs fail, and another
    thread takes the place of its thread, which nothing can end. These seconds are counted in ticks:
    while the machine sleeps, or the process is stopped, none passes. Several event loops may submit
    jobs at the same time.
    """

    def __init__(
        self,
        name: str,
        *,
        slots: int,
        urgent: int = 0,
        max_run: float = inf,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self.now = now
        self._max_threads = slots + urgent
        self._max_run = max_run
        self._backlog = Backlog(slots, urgent)
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []  # without those of hung batches
        self._running: dict[Batch, threading.Thread] = {}
        self._ticks: dict[Batch, int] = {}  # in which a batch was running
        self._idle = 0
        self._closed = threading.Event()
        self._watched = max_run == inf

    def add_queue(self, queue: WaitingJobs) -> None:
        with self._changed:
            self._backlog.queues.append(queue)

    def submit(self, queue: WaitingJobs, job: Job[Any, Any]) -> None:
        """Add a job.

        Raises:
            HungError: too many computations of this queue hang.
            RuntimeError: the device is closed, or the system gives it no thread.
        """
        with self._changed:
            if self._closed.is_set():
                raise RuntimeError(f"the device {self.name} is closed")
            if queue.hung >= MAX_HUNG:
                raise HungError(f"{queue.name} hangs: the service must be started again")
            queue.jobs.append(job)
            try:
                self._add_thread()
            except RuntimeError:
                if not self._threads:
                    queue.jobs.remove(job)
                    raise
                logger.warning("%s: the system gives no more threads", self.name)
            self._changed.notify_all()

    def tick(self) -> None:
        """Note that a tick has passed, and give up computations that take too many."""
        with self._changed:
            running = [each for each, thread in self._running.items() if thread in self._threads]
            self._ticks = {each: self._ticks.get(each, 0) + 1 for each in running}
            overdue = [each for each in running if self._ticks[each] > TICKS]
            given_up = self._backlog.give_up(overdue, self.now())
            for batch, _ in given_up:
                self._threads.remove(self._running[batch])
                with suppress(RuntimeError):  # the next job that comes is told
                    self._add_thread()
            self._changed.notify_all()
        for batch, outcomes in given_up:
            logger.error("a computation of %s hangs; others go on", batch.queue.name)
            batch.deliver(outcomes)

    def close(self) -> None:
        """Wait for running computations but hung ones, and drop those that have not started."""
        with self._changed:
            self._closed.set()
            self._backlog.clear()
            self._changed.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _add_thread(self) -> None:
        """Start a thread if more jobs wait than threads, and one more is allowed."""
        if not self._watched:
            threading.Thread(target=self._watch, name=f"{self.name} watch", daemon=True).start()
            self._watched = True
        if self._idle < self._backlog.waiting and len(self._threads) < self._max_threads:
            thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            outcomes = batch.compute()
            with self._changed:
                if self._running.pop(batch) not in self._threads:
                    batch.queue.hung -= 1  # it was given up, and has ended after all
                    return
                self._backlog.finish(batch, outcomes, self.now())
                self._changed.notify_all()
            batch.deliver(outcomes)

    def _next(self) -> Batch | None:
        """Wait for a batch; return None once the device is closed."""
        with self._changed:
            self._idle += 1
            try:
                while not self._closed.is_set():
                    if (batch := self._backlog.take(self.now())) is not None:
                        self._running[batch] = threading.current_thread()
                        return batch
                    self._changed.wait()
            finally:
                self._idle -= 1
        return None

    def _watch(self) -> None:
        while not self._closed.wait(self._max_run / TICKS):
            self.tick()


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

    @property
    def hung(self) -> int:
        """How many batches were given up and have not ended."""
        return self._queue.hung

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
            "hung": self.hung,
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
