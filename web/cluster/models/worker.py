"""A worker: model servers in a process of their own, anywhere in a cluster, as an actor of Ray.

The state of a stream is here while it runs. It goes to the edge, through the object store, each
time that computing it again would take longer than `CHECKPOINT_AFTER`.
"""

import logging
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from math import inf
from typing import Any

from media.clock import monotonic
from media.servers.server import ModelHandle, ModelServer
from media.servers.urgency import Urgency
from web.cluster.models.messages import StepCall, StepOutcome, WorkerLoad

logger = logging.getLogger(__name__)

CHECKPOINT_AFTER = 0.5  # seconds of computation since the last one
MAX_STREAMS = 1_000  # whose states are kept; the edge of a dropped one has its checkpoint
MAX_IDLE = 60.0  # seconds after which a stream is dropped, as that of an edge that has ended
LOAD_WINDOW = 5.0  # seconds

Servers = Mapping[str, ModelServer[Any, Any, Any]]
LoadServers = Callable[[], AbstractContextManager[Servers]]


@dataclass(slots=True, eq=False)
class WorkerStream:
    """A stream after `steps` steps; `cost` are the seconds that those since a checkpoint took."""

    handle: ModelHandle[Any, Any, Any]
    steps: int
    cost: float = 0.0
    used: float = 0.0  # when it was stepped last


class ModelWorker:
    """The servers that `load` gives, until the process ends."""

    def __init__(self, load: LoadServers) -> None:
        self._stack = ExitStack()
        self._servers = self._stack.enter_context(load())
        self._streams: OrderedDict[str, WorkerStream] = OrderedDict()
        self._fixed: set[str] = set()  # models whose states cannot be sent
        self._busy = deque([(monotonic(), 0.0)])  # times, and the busy seconds until then

    async def load(self) -> WorkerLoad:
        """Return how busy this worker has been in the last seconds, whoever else asks."""
        self._drop_idle(monotonic())
        queues = {id(each.queue): each.queue for each in self._servers.values()}.values()
        busy, now = sum(each.stats.busy for each in queues), monotonic()
        self._busy.append((now, busy))
        while len(self._busy) > 2 and self._busy[1][0] <= now - LOAD_WINDOW:
            self._busy.popleft()
        since, before = self._busy[0]
        part = (busy - before) / max(now - since, 0.001)
        waits = [each.mean_wait(frozenset(Urgency), LOAD_WINDOW) for each in queues]
        return WorkerLoad(max(waits, default=0.0), part)

    async def step(
        self, call: StepCall, state: bytes | None = None
    ) -> tuple[StepOutcome, bytes | None]:
        """Return the outcome of a call, and with a checkpoint the state of its stream."""
        stream = await self._stream(call, state)
        if stream is None:
            return StepOutcome(known=False), None
        began = monotonic()
        try:
            outputs = await self._run(stream, call)
        except Exception as error:  # noqa: BLE001  (it is raised where the step was asked for)
            return StepOutcome(failure=error), None
        finally:
            if call.once:
                self._streams.pop(call.stream, None)
        recent = self._servers[call.model].queue.stats.recent
        times = recent[-1] if recent else None
        ran = monotonic() - began if times is None else times.finished - times.started
        waited = max(0.0, monotonic() - began - ran)
        saved = None if call.once else self._checkpoint(call.model, stream, ran)
        fixed = call.model in self._fixed
        return StepOutcome(tuple(outputs), None, True, waited, ran, saved is not None, fixed), saved

    async def close(self, stream: str) -> None:
        """Drop a stream."""
        self._streams.pop(stream, None)

    async def _stream(self, call: StepCall, state: bytes | None) -> WorkerStream | None:
        """Return the stream of a call; None if it is not known as of its base."""
        stream = self._streams.get(call.stream)
        if stream is None and (call.base == 0 or state is not None):
            stream = WorkerStream(await self._servers[call.model].open(), call.base)
            if state is not None:
                stream.handle.keep(pickle.loads(state))
        if stream is None or stream.steps != call.base:
            return None
        self._streams[call.stream] = stream
        self._streams.move_to_end(call.stream)
        stream.used = monotonic()
        if len(self._streams) > MAX_STREAMS:
            self._streams.popitem(last=False)
        return stream

    def _drop_idle(self, now: float) -> None:
        """Drop the streams that nobody has stepped for long; the first one has waited longest."""
        while self._streams:
            name, stream = next(iter(self._streams.items()))
            if now - stream.used <= MAX_IDLE:
                return
            del self._streams[name]

    async def _run(self, stream: WorkerStream, call: StepCall) -> Any:
        outputs: Any = ()
        for number, chunk in enumerate(call.chunks, 1):
            last = number == len(call.chunks)
            outputs = await stream.handle.step(
                chunk,
                call.urgency,
                max_wait=call.max_wait if last else inf,
                since=stream.handle.now() - call.waited,
            )
            stream.steps += 1
        return outputs

    def _checkpoint(self, model: str, stream: WorkerStream, ran: float) -> bytes | None:
        """Return the state of a stream if it is time, and it can be sent."""
        stream.cost += ran
        if stream.cost < CHECKPOINT_AFTER or model in self._fixed:
            return None
        try:
            saved = pickle.dumps(stream.handle.state(), protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            self._fixed.add(model)
            logger.warning(
                "streams of %s go back to the machines of their sessions: %s", model, error
            )
            return None
        stream.cost = 0.0
        return saved
