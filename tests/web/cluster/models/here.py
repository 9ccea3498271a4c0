"""Workers in this process: a pool and servers without Ray."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from media.servers.device import Device, JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from tests.media.servers.running_sum import RunningSum
from tests.web.cluster.models.still_clock import StillClock
from web.cluster.errors import ClusterError
from web.cluster.models.messages import StepCall, WorkerLoad, WorkerLostError
from web.cluster.models.pool import CallsWorker, Stepped, WorkerPool
from web.cluster.models.worker import ModelWorker, Servers

NAME = "sum"


def sum_server(device: Device) -> ModelServer[Any, int, int]:
    return ModelServer(RunningSum(), JobQueue(device, NAME), Urgency.ANSWER)


class HereWorker:
    """A worker that can be `dead`, or `deaf`: it answers nothing."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.dead = self.deaf = False
        self.calls: list[StepCall] = []
        self.closed: list[str] = []
        self.worker = ModelWorker(self._servers)

    @contextmanager
    def _servers(self) -> Iterator[Servers]:
        yield {NAME: sum_server(self.device)}

    def step(self, call: StepCall, state: Any) -> "Future[Stepped]":
        self.calls.append(call)
        return self._answer(self.worker.step(call, state))

    def load(self) -> "Future[WorkerLoad]":
        return self._answer(self.worker.load())

    def close(self, stream: str) -> None:
        self.closed.append(stream)

    def _answer(self, work: Any) -> "Future[Any]":
        if self.dead or self.deaf:
            work.close()
            future: Future[Any] = Future()
            if self.dead:
                future.set_exception(WorkerLostError("it was killed"))
            return future
        return asyncio.run_coroutine_threadsafe(work, asyncio.get_running_loop())


class HereFinder:
    def __init__(self, *workers: HereWorker) -> None:
        self.workers = {f"w{number}": each for number, each in enumerate(workers)}

    async def names(self) -> tuple[str, ...]:
        return tuple(self.workers)

    async def find(self, name: str) -> CallsWorker:
        if self.workers[name].dead:
            raise ClusterError("it has ended")
        return self.workers[name]


async def pool_of(clock: StillClock, *workers: HereWorker) -> WorkerPool:
    """Return a pool that has heard of all `workers`."""
    pool = WorkerPool(HereFinder(*workers), clock, timeout=1.5, interval=0.3)
    await pool.update()
    await heard(pool)
    return pool


async def heard(pool: WorkerPool) -> None:
    """Ask the workers how busy they are, and wait until those that can have answered."""
    pool.check()
    for _ in range(50):
        await asyncio.sleep(0)


async def fetch(checkpoint: Any) -> bytes:
    assert isinstance(checkpoint, bytes)
    return checkpoint
