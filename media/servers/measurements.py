"""What is measured of each queue of jobs: waiting, running, batches, and what was not run."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from media.delays import Histogram
from media.servers.urgency import Urgency

RECENT = 256  # jobs whose times are kept


@dataclass(frozen=True, slots=True)
class JobTimes:
    """When a job was `submitted`, `started` and `finished`, in seconds of the device's clock."""

    urgency: Urgency
    submitted: float
    started: float
    finished: float


@dataclass(slots=True, eq=False)
class QueueStats:
    """Counts since the start: jobs that were run, in `batches`, and those that were not.

    `shed` waited longer than they were worth, `cancelled` were not wanted any more, and `failed`
    raised an error. `busy` are the seconds in which batches ran; `waits` and `runs` are of all jobs
    that were run.
    """

    jobs: int = 0
    batches: int = 0
    largest_batch: int = 0
    shed: int = 0
    cancelled: int = 0
    failed: int = 0
    busy: float = 0.0
    waits: Histogram = field(default_factory=Histogram)
    runs: Histogram = field(default_factory=Histogram)
    recent: deque[JobTimes] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add_batch(self, times: list[JobTimes], *, failed: int) -> None:
        """Note a batch of jobs that ran together."""
        self.jobs += len(times)
        self.batches += 1
        self.largest_batch = max(self.largest_batch, len(times))
        self.failed += failed
        self.busy += times[0].finished - times[0].started
        self.recent.extend(times)
        for each in times:
            self.waits.observe(each.started - each.submitted)
            self.runs.observe(each.finished - each.started)

    def add_shed(self, urgency: Urgency, submitted: float, now: float) -> None:
        """Note a job that was not run: it waited until now."""
        self.shed += 1
        self.recent.append(JobTimes(urgency, submitted, now, now))

    def mean_wait(self, urgencies: frozenset[Urgency], since: float) -> float:
        """Return how long jobs of `urgencies` waited in the mean whose wait ended after `since`."""
        waits = [
            each.started - each.submitted
            for each in list(self.recent)
            if each.urgency in urgencies and each.started > since
        ]
        return sum(waits) / len(waits) if waits else 0.0

    def snapshot(self) -> dict[str, float | int]:
        """Return the counts, and medians and 95th percentiles of recent jobs in seconds."""
        recent = list(self.recent)
        ran = [each for each in recent if each.finished > each.started]
        fields: dict[str, float | int] = {
            "jobs": self.jobs,
            "batch": round(self.jobs / self.batches, 2) if self.batches else 0.0,
            "largest_batch": self.largest_batch,
            "shed": self.shed,
            "cancelled": self.cancelled,
            "failed": self.failed,
            "busy": round(self.busy, 3),
        }
        for name, times in (
            ("queue", [each.started - each.submitted for each in recent]),
            ("run", [each.finished - each.started for each in ran]),
        ):
            median, late = np.percentile(times, (50, 95)) if times else (0.0, 0.0)
            fields |= {f"{name}_p50": round(float(median), 4), f"{name}_p95": round(float(late), 4)}
        return fields
