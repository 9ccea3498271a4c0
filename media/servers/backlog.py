"""The jobs that wait for one device, and which of them run next: no threads, no clock.

A queue has the jobs of one model, and a device has several queues. The most urgent job that waits
runs next, the oldest first, together with other jobs of its kind if its model takes batches.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from media.errors import HungError, MediaError, as_failure
from media.servers.measurements import JobTimes, QueueStats
from media.servers.urgency import Urgency

I = TypeVar("I")
O = TypeVar("O")


class ShedError(MediaError):
    """A job waited for longer than it was worth, and was not run."""


@dataclass(frozen=True, slots=True, eq=False)
class Computation(Generic[I, O]):
    """A computation that takes up to `max_batch` items at once and returns an output for each.

    If it raises for several items, it is called for each alone: nothing may be changed by then.
    """

    run: Callable[[Sequence[I]], Sequence[O]]
    max_batch: int = 1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Job(Generic[I, O]):
    """An item for a computation; it is not started after `until`, in the device's seconds."""

    computation: Computation[I, O]
    item: I
    urgency: Urgency
    submitted: float
    until: float
    result: Future[O] = field(default_factory=Future)

    def order(self, now: float) -> tuple[Urgency, float]:
        """Return what is smaller for jobs that run earlier."""
        return self.urgency.after(now - self.submitted), self.submitted


@dataclass(slots=True, eq=False)
class WaitingJobs:
    """The queue of one model: at most `parallel` of its batches run at the same time.

    `hung` batches were given up and have not ended; they do not count as running.
    """

    name: str
    parallel: int
    jobs: list[Job[Any, Any]] = field(default_factory=list)
    running: int = 0
    hung: int = 0
    stats: QueueStats = field(default_factory=QueueStats)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Jobs of one computation that run together."""

    queue: WaitingJobs
    jobs: tuple[Job[Any, Any], ...]
    started: float

    def compute(self) -> list[Any]:
        """Return the output of each job, or its error."""
        computation, items = self.jobs[0].computation, [job.item for job in self.jobs]
        outcomes = _attempt(computation, items)
        if len(items) > 1 and isinstance(outcomes[0], _Failed):
            outcomes = [_attempt(computation, [item])[0] for item in items]
        return outcomes

    def deliver(self, outcomes: Sequence[Any]) -> None:
        """Give each job its outcome."""
        for job, outcome in zip(self.jobs, outcomes, strict=True):
            if isinstance(outcome, _Failed):
                job.result.set_exception(outcome.error)
            else:
                job.result.set_result(outcome)


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


def _attempt(computation: Computation[Any, Any], items: Sequence[Any]) -> list[Any]:
    try:
        outputs = list(computation.run(items))
        if len(outputs) != len(items):
            raise AssertionError(f"{len(outputs)} outputs of a batch of {len(items)}")
    except BaseException as error:  # noqa: BLE001  (it is raised where the job was submitted)
        return [_Failed(as_failure(error))] * len(items)
    return outputs


class Backlog:
    """The queues of one device, of whose batches `slots` run at the same time.

    Up to `urgent` more run if they are part of an answer or more urgent: it need not wait until
    another computation is over, which it slows down instead. The owner of the backlog takes care
    that one thread at a time uses it.
    """

    def __init__(self, slots: int, urgent: int = 0) -> None:
        self.queues: list[WaitingJobs] = []
        self._slots = slots
        self._urgent = urgent

    @property
    def running(self) -> int:
        """How many batches run."""
        return sum(queue.running for queue in self.queues)

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(len(queue.jobs) for queue in self.queues)

    def take(self, now: float) -> Batch | None:
        """Return the batch to run next, None if nothing may run; jobs past their time are shed."""
        for queue in self.queues:
            self._shed(queue, now)
        ready = [each for each in self.queues if each.jobs and each.running < each.parallel]
        running = self.running
        while ready and running < self._slots + self._urgent:
            queue = min(ready, key=lambda each: min(job.order(now) for job in each.jobs))
            if running >= self._slots and min(job.urgency for job in queue.jobs) > Urgency.ANSWER:
                return None
            jobs = _gather(queue, now)
            if jobs:
                queue.running += 1
                return Batch(queue, jobs, now)
            if not queue.jobs:
                ready.remove(queue)
        return None

    def finish(self, batch: Batch, outcomes: Sequence[Any], now: float) -> None:
        """Note that `batch` has run."""
        batch.queue.running -= 1
        times = [JobTimes(job.urgency, job.submitted, batch.started, now) for job in batch.jobs]
        failed = sum(isinstance(each, _Failed) for each in outcomes)
        batch.queue.stats.add_batch(times, failed=failed)

    def give_up(self, batches: Sequence[Batch], now: float) -> list[tuple[Batch, list[Any]]]:
        """Give up `batches`, which run for too long; return the outcome of each.

        Their place is free for others. When one ends after all, the owner of the backlog lowers
        `hung` of its queue.
        """
        given_up = []
        for batch in batches:
            reason = f"{batch.queue.name} was given up after {now - batch.started:.1f} s"
            given_up.append((batch, [_Failed(HungError(reason)) for _ in batch.jobs]))
            self.finish(batch, given_up[-1][1], now)
            batch.queue.hung += 1
        return given_up

    def clear(self) -> None:
        """Cancel all jobs that wait."""
        for queue in self.queues:
            for job in queue.jobs:
                job.result.cancel()
                queue.stats.cancelled += 1
            queue.jobs.clear()

    def _shed(self, queue: WaitingJobs, now: float) -> None:
        for job in [each for each in queue.jobs if each.until < now]:
            queue.jobs.remove(job)
            if job.result.set_running_or_notify_cancel():
                queue.stats.add_shed(job.urgency, job.submitted, now)
                reason = f"{queue.name}: not run after {now - job.submitted:.1f} s of waiting"
                job.result.set_exception(ShedError(reason))
            else:
                queue.stats.cancelled += 1


def _gather(queue: WaitingJobs, now: float) -> tuple[Job[Any, Any], ...]:
    """Take the next job and those that run with it, without those that were cancelled."""
    queue.jobs.sort(key=lambda job: job.order(now))  # stable: of the same time in order of arrival
    computation = queue.jobs[0].computation
    chosen = [job for job in queue.jobs if job.computation is computation][: computation.max_batch]
    for job in chosen:
        queue.jobs.remove(job)
    started = [job for job in chosen if job.result.set_running_or_notify_cancel()]
    queue.stats.cancelled += len(chosen) - len(started)
    return tuple(started)
