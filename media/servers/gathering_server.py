"""A model server whose jobs are the runs of networks, so that streams share runs."""

from collections.abc import Sequence
from math import inf
from typing import TypeVar

from media.servers.device import JobQueue
from media.servers.queued_engine import RunsAsJobs
from media.servers.server import ModelHandle, ModelServer
from media.servers.urgency import Urgency
from media.worker import Worker
from models.streaming import Stepping

S = TypeVar("S")
I = TypeVar("I")
O = TypeVar("O")


class GatheringServer(ModelServer[S, I, O]):
    """Steps each stream on one of `threads`, which waits for each run of a network.

    The networks of the model are queued engines: what they run for several streams at the same time
    is one run. A step is what `model.step` gives, however it was gathered.
    """

    def __init__(
        self, model: Stepping[S, I, O], queue: JobQueue, urgency: Urgency, threads: Worker
    ) -> None:
        super().__init__(model, queue, urgency)
        self._threads = threads

    async def step(
        self,
        handle: ModelHandle[S, I, O],
        chunk: I,
        urgency: Urgency | None = None,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> Sequence[O]:
        jobs = RunsAsJobs(
            self.queue,
            self.urgency if urgency is None else urgency,
            max_wait=max_wait,
            since=since,
        )
        return await self._threads.run(self._step, jobs, handle, chunk)

    def _step(self, jobs: RunsAsJobs, handle: ModelHandle[S, I, O], chunk: I) -> Sequence[O]:
        with jobs:
            state, outputs = self.model.step(handle.state(), chunk)
        handle.keep(state)
        return outputs
