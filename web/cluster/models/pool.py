"""The workers of a cluster as an edge sees them: which there are, and which still answer."""

import asyncio
import logging
from collections.abc import Awaitable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from media.clock import Clock
from web.cluster.errors import ClusterError
from web.cluster.models.messages import StepCall, StepOutcome, WorkerLoad, WorkerLostError

logger = logging.getLogger(__name__)

UNKNOWN_PATIENCE = 20  # timeouts in which a worker that was found answers first

Stepped = tuple[StepOutcome, Any]  # with a reference of the stream's state, if it is a checkpoint


class CallsWorker(Protocol):
    """A worker as Ray reaches it; any thread may set the futures."""

    def step(self, call: StepCall, state: Any) -> "Future[Stepped]": ...

    def load(self) -> "Future[WorkerLoad]": ...

    def close(self, stream: str) -> None: ...


class FindsWorkers(Protocol):
    """Where the pool hears of workers."""

    async def names(self) -> tuple[str, ...]:
        """Return the names of the workers that are ready.

        Raises:
            ClusterError: nobody knows at the moment.
        """

    async def find(self, name: str) -> CallsWorker:
        """Return a worker.

        Raises:
            ClusterError: it has ended.
        """


@dataclass(slots=True, eq=False)
class Seat:
    """A worker, the time of its last answer, and the calls that it has not answered.

    It is `ready` once it has answered; until then `answered` is the time when it was found.
    """

    name: str
    worker: CallsWorker
    answered: float
    load: WorkerLoad = field(default_factory=lambda: WorkerLoad(0.0, 0.0))
    calls: set["asyncio.Future[Any]"] = field(default_factory=set)
    ready: bool = False
    lost: bool = False

    def lose(self, reason: str) -> None:
        """Fail the calls that wait, so that each is made elsewhere."""
        self.lost = True
        for call in list(self.calls):
            if not call.done():
                call.set_exception(WorkerLostError(f"{self.name}: {reason}"))


class WorkerPool:
    """The workers that answered within `timeout` seconds; each is asked every `interval`."""

    def __init__(
        self, finder: FindsWorkers, clock: Clock, *, timeout: float, interval: float
    ) -> None:
        self._finder = finder
        self._clock = clock
        self._timeout = timeout
        self._interval = interval
        self._seats: dict[str, Seat] = {}

    async def run(self) -> None:
        """Keep the pool as the cluster is, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._find(), name="find workers")
            while True:
                await self._clock.sleep_until(self._clock.now() + self._interval)
                self.check()

    async def update(self) -> None:
        """Ask for the workers once."""
        try:
            names = await self._finder.names()
        except ClusterError as error:
            logger.debug("workers are not known: %s", error)
            return
        for name in names:
            if name not in self._seats:
                await self._add(name)

    def check(self) -> None:
        """Drop the workers that did not answer for too long, and ask the others."""
        now = self._clock.now()
        for name, seat in list(self._seats.items()):
            if now - seat.answered > self._timeout * (1 if seat.ready else UNKNOWN_PATIENCE):
                self._lose(name, f"no answer for {self._timeout:g} s")
            else:
                answer = self._future(seat, seat.worker.load())
                answer.add_done_callback(partial(self._note, seat))

    @property
    def seats(self) -> list[Seat]:
        """The workers that answer."""
        return [each for each in self._seats.values() if each.ready]

    @property
    def ready(self) -> list[str]:
        """Their names."""
        return [each.name for each in self.seats]

    def choose(self) -> Seat | None:
        """Return the worker with the fewest calls that wait, None if there is none."""
        return min(
            self.seats,
            key=lambda each: (len(each.calls), each.load.wait, each.load.busy),
            default=None,
        )

    def call(self, seat: Seat, call: StepCall, state: Any) -> Awaitable[Stepped]:
        """Return what a worker answers to `call`.

        Raises:
            WorkerLostError: it has ended, or does not answer.
        """
        if seat.lost:
            raise WorkerLostError(f"{seat.name} is gone")
        return self._future(seat, seat.worker.step(call, state))

    def lose(self, seat: Seat, error: Exception) -> None:
        """Drop a worker that a call could not reach."""
        if not seat.lost:
            self._lose(seat.name, str(error))

    async def _find(self) -> None:
        while True:
            await self.update()
            await self._clock.sleep_until(self._clock.now() + self._interval)

    async def _add(self, name: str) -> None:
        try:
            worker = await self._finder.find(name)
        except ClusterError as error:
            logger.debug("%s", error)
            return
        self._seats[name] = Seat(name, worker, self._clock.now())

    def _lose(self, name: str, reason: str) -> None:
        seat = self._seats.pop(name)
        logger.warning("the worker %s is lost: %s", name, reason.splitlines()[0] if reason else "")
        seat.lose(reason)

    def _note(self, seat: Seat, done: "asyncio.Future[Any]") -> None:
        if done.cancelled():
            return
        error = done.exception()  # asyncio logs one that is not looked at
        if seat.lost:
            return
        if error is None:
            seat.ready, seat.answered, seat.load = True, self._clock.now(), done.result()
        else:
            self._lose(seat.name, str(error))

    def _future(self, seat: Seat, there: "Future[Any]") -> "asyncio.Future[Any]":
        """Return the result of a call on this event loop, or that its worker was lost."""
        loop = asyncio.get_running_loop()
        here: asyncio.Future[Any] = loop.create_future()
        seat.calls.add(here)
        here.add_done_callback(seat.calls.discard)

        def settle() -> None:
            if here.done():
                return
            error = there.exception()
            if error is None:
                here.set_result(there.result())
            else:
                here.set_exception(error)

        there.add_done_callback(lambda _: loop.call_soon_threadsafe(settle))
        return here
