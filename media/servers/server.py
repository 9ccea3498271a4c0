"""A model that serves all sessions: each has a handle, and steps of several are gathered.

The state of a stream stays with its handle, so a process of its own can stand behind the same
interface.
"""

from collections.abc import Sequence
from math import inf
from typing import Generic, TypeVar

from media.servers.backlog import Computation
from media.servers.device import JobQueue
from media.servers.urgency import Urgency
from models.streaming import Stepping, batch_limit, step_many

S = TypeVar("S")
I = TypeVar("I")
O = TypeVar("O")


class ModelServer(Generic[S, I, O]):
    """Steps the streams of one model; what waits at the same time is one batch, up to its limit.

    Steps have `urgency` unless they say otherwise.
    """

    def __init__(self, model: Stepping[S, I, O], queue: JobQueue, urgency: Urgency) -> None:
        self.model = model
        self.queue = queue
        self.urgency = urgency
        self._steps: Computation[tuple[ModelHandle[S, I, O], I], Sequence[O]] = Computation(
            self._step_many, max_batch=batch_limit(model)
        )

    async def open(self) -> "ModelHandle[S, I, O]":
        """Return a new stream."""
        return ModelHandle(self)

    async def run(
        self, item: I, urgency: Urgency | None = None, *, max_wait: float = inf
    ) -> Sequence[O]:
        """Return the outputs of a stream of one step: for models without a state."""
        return await self.step(ModelHandle(self), item, urgency, max_wait=max_wait)

    async def step(
        self,
        handle: "ModelHandle[S, I, O]",
        chunk: I,
        urgency: Urgency | None = None,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> Sequence[O]:
        """Step the stream of `handle`, which calls this."""
        return await self.queue.submit(
            self._steps,
            (handle, chunk),
            self.urgency if urgency is None else urgency,
            max_wait=max_wait,
            since=since,
        )

    def _step_many(
        self, steps: Sequence[tuple["ModelHandle[S, I, O]", I]]
    ) -> Sequence[Sequence[O]]:
        handles, chunks = [handle for handle, _ in steps], [chunk for _, chunk in steps]
        states = [handle.state() for handle in handles]
        made = step_many(self.model, states, chunks)
        for handle, (state, _) in zip(handles, made, strict=True):
            handle.keep(state)
        return [outputs for _, outputs in made]


class ModelHandle(Generic[S, I, O]):
    """One stream of a model. One task uses it, which awaits each step before the next."""

    def __init__(self, server: ModelServer[S, I, O]) -> None:
        self._server = server
        self._states: list[S] = []  # the state, if there is one yet

    async def step(
        self,
        chunk: I,
        urgency: Urgency | None = None,
        *,
        max_wait: float = inf,
        since: float | None = None,
    ) -> Sequence[O]:
        """Return the outputs of the next step; `since` as in `JobQueue.submit`.

        Raises:
            ShedError: it was not started within `max_wait` seconds; the stream is as before.
        """
        return await self._server.step(self, chunk, urgency, max_wait=max_wait, since=since)

    def now(self) -> float:
        """Return the time of the device's clock."""
        return self._server.queue.now()

    def restart(self) -> None:
        """Begin a new stream with the next step."""
        self._states = []

    async def close(self) -> None:
        """End the stream, and free its state."""
        self._states = []

    def state(self) -> S:
        """Return the state before the next step: for the server, on the device's thread."""
        return self._states[0] if self._states else self._server.model.init_state()

    def keep(self, state: S) -> None:
        """Set the state after a step."""
        self._states = [state]
