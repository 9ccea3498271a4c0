"""A model server whose streams are stepped by workers of a cluster.

An edge keeps of each stream the last checkpoint of its state and the chunks since. If a worker is
lost, another one has both, computes what the first had computed since, and goes on: no output is
missing, and none comes twice. While there is no worker, the model of this machine does it.
"""

import asyncio
import logging
import pickle
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, TypeVar

from media.servers.measurements import JobTimes
from media.servers.server import ModelHandle, ModelServer
from media.servers.urgency import Urgency
from web.cluster.models.messages import StepCall, StepOutcome, WorkerLostError
from web.cluster.models.pool import Seat, WorkerPool

logger = logging.getLogger(__name__)

I = TypeVar("I")
O = TypeVar("O")


@dataclass(slots=True, eq=False)
class RemoteStream:
    """A stream: `chunks` are those since its checkpoint, which is its state after `base` steps.

    `seat` is the worker that has it, under the name `id`; `here` is its handle on this machine.
    """

    id: str = ""
    base: int = 0
    checkpoint: Any = None  # a reference
    chunks: list[Any] = field(default_factory=list)
    seat: Seat | None = None
    here: ModelHandle[Any, Any, Any] | None = None

    def call(self, wanted: StepCall) -> tuple[StepCall, Any]:
        """Return `wanted`, a step, as a call of the worker that has the stream, and its state.

        One that does not know it yet is told all since the checkpoint.
        """
        if self.id:
            return replace(wanted, stream=self.id, base=self.base + len(self.chunks)), None
        self.id = secrets.token_hex(8)
        chunks = (*self.chunks, *wanted.chunks)
        return replace(wanted, stream=self.id, base=self.base, chunks=chunks), self.checkpoint

    def note(self, chunk: Any, checkpoint: Any) -> None:
        """Note a step, after which there is a `checkpoint`, unless that is None."""
        self.chunks.append(chunk)
        if checkpoint is not None:
            self.base, self.checkpoint = self.base + len(self.chunks), checkpoint
            self.chunks = []

    def leave(self) -> None:
        """Leave the worker: another one has the next step."""
        if self.seat is not None and self.id and not self.seat.lost:
            self.seat.worker.close(self.id)
        self.seat, self.id = None, ""


class _Streams:
    """Stands for the model in handles, whose states are streams."""

    def init_state(self) -> RemoteStream:
        return RemoteStream()

    def step(self, state: RemoteStream, chunk: Any) -> tuple[RemoteStream, Sequence[Any]]:
        raise AssertionError("a worker does this")


class RemoteHandle(ModelHandle[Any, I, O]):
    """One stream, which leaves its worker when it is over."""

    def restart(self) -> None:
        self._leave()
        super().restart()

    async def close(self) -> None:
        self._leave()
        await super().close()

    def _leave(self) -> None:
        for stream in self._states:
            stream.leave()


class RemoteServer(ModelServer[Any, I, O]):
    """The model `name` of the workers in `pool`, which is that of the server `local`, too.

    What is measured is measured in the queue of `local`. `fetch` returns the bytes of a checkpoint.
    """

    def __init__(
        self,
        name: str,
        local: ModelServer[Any, I, O],
        pool: WorkerPool,
        fetch: Callable[[Any], Awaitable[bytes]],
    ) -> None:
        # Not super(): the server of a model that has more to it is another base of a subclass.
        ModelServer.__init__(self, _Streams(), local.queue, local.urgency)
        self.name = name
        self.local = local
        self._pool = pool
        self._fetch = fetch
        self._fixed = False

    async def open(self) -> RemoteHandle[I, O]:
        """Return a new stream."""
        return RemoteHandle(self)

    async def run(
        self, item: I, urgency: Urgency | None = None, *, max_wait: float = inf
    ) -> Sequence[O]:
        """Return the outputs of a stream of one step."""
        wanted = self._wanted(item, urgency, max_wait, once=True)
        return await self._step(RemoteStream(), wanted, self.queue.now())

    async def step(
        self,
        handle: ModelHandle[Any, I, O],
        chunk: I,
        urgency: Urgency | None = None,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> Sequence[O]:
        """Step the stream of `handle` at its worker, or at another if that is lost."""
        stream: RemoteStream = handle.state()
        wanted = self._wanted(chunk, urgency, max_wait, once=False)
        outputs = await self._step(stream, wanted, self.queue.now() if since is None else since)
        handle.keep(stream)
        return outputs

    def _wanted(
        self, chunk: I, urgency: Urgency | None, max_wait: float, *, once: bool
    ) -> StepCall:
        urgency = self.urgency if urgency is None else urgency
        return StepCall(self.name, "", 0, (chunk,), urgency, max_wait, 0.0, once)

    async def _step(self, stream: RemoteStream, wanted: StepCall, since: float) -> Sequence[O]:
        while stream.here is None:
            if stream.seat is None or stream.seat.lost:
                stream.leave()
                stream.seat = self._choose(wanted)
            if stream.seat is None:
                await self._come_here(stream, wanted.urgency)
                break
            call, state = stream.call(replace(wanted, waited=self.queue.now() - since))
            try:
                outcome, checkpoint = await self._pool.call(stream.seat, call, state)
            except WorkerLostError as error:
                self._pool.lose(stream.seat, error)
                continue
            if not outcome.known:
                stream.leave()
                continue
            if outcome.failure is not None:
                raise outcome.failure
            stream.note(wanted.chunks[0], checkpoint)
            self._measure(wanted.urgency, since, outcome)
            if outcome.fixed and not wanted.once:
                await self._keep_here(stream, wanted.urgency)
            return outcome.outputs
        assert stream.here is not None
        return await self.local.step(
            stream.here, wanted.chunks[0], wanted.urgency, max_wait=wanted.max_wait, since=since
        )

    def _choose(self, wanted: StepCall) -> Seat | None:
        """Return the worker for a stream, None if there is none that can give it back."""
        return None if self._fixed and not wanted.once else self._pool.choose()

    async def _keep_here(self, stream: RemoteStream, urgency: Urgency) -> None:
        """Compute a model's streams on this machine, as no state of theirs can come from a worker.

        Else all chunks of a stream would have to be kept, for the case that its worker is lost.
        """
        if not self._fixed:
            logger.warning("states of %s cannot be sent: this machine computes it", self.name)
        self._fixed = True
        stream.leave()
        await self._come_here(stream, urgency)

    async def _come_here(self, stream: RemoteStream, urgency: Urgency) -> None:
        """Go on with a stream on this machine: what came since its checkpoint is computed again."""
        if not self._fixed:
            logger.warning("no worker computes %s: this machine does", self.name)
        handle = await self.local.open()
        if stream.checkpoint is not None:
            data = await self._fetch(stream.checkpoint)
            loop = asyncio.get_running_loop()
            handle.keep(await loop.run_in_executor(None, pickle.loads, data))
        for chunk in stream.chunks:
            await self.local.step(handle, chunk, urgency)
        stream.here, stream.chunks, stream.checkpoint = handle, [], None

    def _measure(self, urgency: Urgency, since: float, outcome: StepOutcome) -> None:
        now = self.queue.now()
        times = JobTimes(urgency, since, max(since, now - outcome.ran), now)
        self.queue.stats.add_batch([times], failed=0)
