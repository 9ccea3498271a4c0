"""Starts and ends the workers of a cluster: one actor, which Ray restarts if it ends.

It finds the workers that run by their names, so a manager that starts anew goes on with them.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from media.clock import monotonic
from web.cluster.errors import ClusterError
from web.cluster.models.messages import WorkerLoad
from web.cluster.models.scaling import Scaling
from web.cluster.models.worker import LoadServers

logger = logging.getLogger(__name__)

WORKER = "model-worker-"  # what the names of workers begin with
ANSWER_TIMEOUT = 3.0  # seconds in which a worker says how busy it is
MAX_SILENT = 3  # such times in a row after which it is ended, and another takes its place
START_TIMEOUT = 300.0  # seconds in which a worker loads its models
LOOK_INTERVAL = 0.5  # seconds
FAILED_PAUSE = 10.0  # seconds without a new worker after one that could not load its models


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """What a worker loads, and what it takes of its node, as Ray counts it."""

    load: LoadServers
    cpus: float
    gpus: float


class RunsWorkers(Protocol):
    """What the manager asks of Ray."""

    def names(self) -> list[str]:
        """Return the names of the workers that run or start."""

    def start(self, name: str, needs: WorkerNeeds) -> None:
        """Start a worker, on the node that has most room for it."""

    def end(self, name: str) -> None:
        """End a worker, or what is left of it."""

    async def load(self, name: str, within: float) -> WorkerLoad:
        """Return how busy a worker is.

        Raises:
            ClusterError: it does not answer within so many seconds.
        """


@dataclass(slots=True, eq=False)
class _Worker:
    started: float
    ready: bool = False
    silent: int = 0  # times
    load: WorkerLoad | None = None  # as it said last, if it did when it was asked


class ModelManager:
    """Keeps as many workers as `scaling` wants; `ray` is called where the manager runs."""

    def __init__(
        self,
        ray: Callable[[], RunsWorkers],
        scaling: Scaling,
        needs: WorkerNeeds,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._ray = ray()
        self._scaling = scaling
        self._needs = needs
        self._now = now
        self._workers: dict[str, _Worker] = {}
        self._looking = asyncio.Lock()
        self._looked = -LOOK_INTERVAL
        self._pause_until = -FAILED_PAUSE

    async def workers(self) -> tuple[str, ...]:
        """Return the names of the workers that are ready; edges ask again and again."""
        async with self._looking:
            if self._now() - self._looked >= LOOK_INTERVAL:
                await self._look()
                self._looked = self._now()
        return tuple(name for name, each in self._workers.items() if each.load is not None)

    async def _look(self) -> None:
        """Ask all workers how busy they are, and start and end what the answers ask for."""
        names = self._ray.names()
        for name in names:
            self._workers.setdefault(name, _Worker(self._now()))
        for name in self._workers.keys() - set(names):
            if not self._workers.pop(name).ready:
                logger.error("the worker %s ended before it had its models: see Ray's logs", name)
                self._pause_until = self._now() + FAILED_PAUSE
        async with asyncio.TaskGroup() as tasks:
            for name, worker in self._workers.items():
                tasks.create_task(self._ask(name, worker), name="ask a worker")
        for name, worker in list(self._workers.items()):
            patience = START_TIMEOUT if not worker.ready else MAX_SILENT * ANSWER_TIMEOUT
            if worker.silent >= MAX_SILENT and self._now() - worker.started > patience:
                logger.warning("the worker %s does not answer and is ended", name)
                self._end(name)
        self._scale()

    async def _ask(self, name: str, worker: _Worker) -> None:
        try:
            worker.load = await self._ray.load(name, ANSWER_TIMEOUT)
            worker.ready, worker.silent = True, 0
        except ClusterError as error:
            logger.debug("worker %s: %s", name, error)
            worker.load = None
            worker.silent += 1

    def _scale(self) -> None:
        loads = {name: each.load for name, each in self._workers.items() if each.load is not None}
        starting = len(self._workers) - len(loads)
        wanted = self._scaling.wanted(list(loads.values()), starting, self._now())
        missing = wanted - len(self._workers) if self._now() >= self._pause_until else 0
        for _ in range(missing):
            name = WORKER + secrets.token_hex(4)
            logger.info("starting the worker %s", name)
            self._ray.start(name, self._needs)
            self._workers[name] = _Worker(self._now())
        if wanted < len(loads):
            self._end(min(loads, key=lambda name: loads[name].busy))

    def _end(self, name: str) -> None:
        logger.info("ending the worker %s", name)
        self._workers.pop(name)
        self._ray.end(name)
