"""Networks whose runs are jobs, so that those of several streams are gathered while they wait.

A model is stepped on a thread of its own, inside `with RunsAsJobs(...)`. Each run of a network in
it is a job of a device, and the thread waits for it. Between two runs anything more urgent may
come first, and streams join and leave what runs together. Outside of such a block a network runs
at once, on the thread that calls it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextvars import ContextVar, Token
from dataclasses import replace
from math import inf
from types import TracebackType
from typing import TypeVar

import torch
from torch import Tensor

from media.servers.backlog import Computation
from media.servers.device import JobQueue
from media.servers.urgency import Urgency
from models.engine import Engine, EngineLoader, EngineSpec, EngineState, NetworkSource
from models.gathered import EngineRun, SharedRows
from models.padding import Padding

I = TypeVar("I")
O = TypeVar("O")
T = TypeVar("T")


class RunsAsJobs:
    """Makes what runs in a `with` block jobs of `queue`; the block's thread waits for each.

    `max_wait` and `since` are those of `JobQueue.submit`, for the first job. `check` is called
    before each job, and raises an error if the block should end.
    """

    def __init__(
        self,
        queue: JobQueue,
        urgency: Urgency,
        *,
        max_wait: float = inf,
        since: float | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self._queue = queue
        self._urgency = urgency
        self._check = check
        self._max_wait, self._since = max_wait, since

    def __enter__(self) -> None:
        self._token: Token[RunsAsJobs | None] = _CURRENT.set(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _CURRENT.reset(self._token)

    def run(self, computation: Computation[I, O], item: I) -> O:
        """Return the output of `computation` for `item`, once it was its turn.

        Raises:
            ShedError: the first job was not started in time.
            RuntimeError: the device is closed.
        """
        if self._check is not None:
            self._check()
        job = self._queue.add(
            computation, item, self._urgency, max_wait=self._max_wait, since=self._since
        )
        self._max_wait, self._since = inf, None
        try:
            return job.result()
        except CancelledError as error:
            raise RuntimeError(f"the device of {self._queue.name} is closed") from error


_CURRENT: ContextVar[RunsAsJobs | None] = ContextVar("_CURRENT", default=None)


def run_as_job(call: Callable[[], T]) -> T:
    """Return the result of `call`, which is a job if this is inside `RunsAsJobs`."""
    jobs = _CURRENT.get()
    if jobs is None:
        return call()

    def alone(_: Sequence[None]) -> list[T]:
        return [call()]

    return jobs.run(Computation(alone), None)


class QueuedEngine:
    """An engine whose runs are jobs inside `RunsAsJobs`: up to `together` of them are one run."""

    def __init__(
        self, engine: Engine, *, together: int = 1, padding: Padding | None = None
    ) -> None:
        self._engine = engine
        self._rows = SharedRows(engine, together, padding)
        self._opening, self._running = threading.Lock(), threading.Lock()
        self._runs: Computation[EngineRun, dict[str, Tensor]] = Computation(
            self._run_together if together > 1 else self._run_alone, max_batch=together
        )

    @property
    def spec(self) -> EngineSpec:
        return self._engine.spec

    @property
    def backend(self) -> str:
        return self._engine.backend

    def new_state(self, **dimensions: int) -> EngineState:
        if self._runs.max_batch == 1 or dimensions != {"batch": 1}:
            return self._engine.new_state(**dimensions)
        with self._opening:
            return self._rows.new_state()

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        jobs = _CURRENT.get()
        if jobs is None:
            return self._engine.run(inputs, state)
        return jobs.run(self._runs, EngineRun(inputs, state))

    # Threads of a device run in inference mode, as they write into tensors that were made in it.

    @torch.inference_mode()
    def _run_alone(self, runs: Sequence[EngineRun]) -> list[dict[str, Tensor]]:
        return [self._engine.run(run.inputs, run.state) for run in runs]

    @torch.inference_mode()
    def _run_together(self, runs: Sequence[EngineRun]) -> list[dict[str, Tensor]]:
        with self._running:
            return self._rows.run(runs)


def queued(
    load_engine: EngineLoader,
    *,
    together: int = 1,
    paddings: Mapping[str, Padding] | None = None,
) -> EngineLoader:
    """Return a loader of queued engines; `paddings` are by the name of the network.

    Those of which several runs are one have no matrices of 8 bits: what else is in such a run would
    change the result.
    """

    def load(source: NetworkSource) -> Engine:
        source = replace(source, int8=source.int8 and together == 1)
        padding = (paddings or {}).get(source.spec.name)
        return QueuedEngine(load_engine(source), together=together, padding=padding)

    return load
