"""What a handle over Ray costs beside one over a thread, and how fast a state moves.

python -m tests.bench.bench_workers; needs `eyeline[cluster]`.
"""

import asyncio
import pickle
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from media.clock import LiveClock
from media.servers.device import Device, JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from media.worker import Worker
from tests.bench.bench_cluster import timed
from tests.web.cluster.conftest import free_port
from web.cluster.actors import ActorClient, join
from web.cluster.local_nodes import local_nodes
from web.cluster.models import worker
from web.cluster.models.actors import RayFinder, fetch, find_manager
from web.cluster.models.manager import WorkerNeeds
from web.cluster.models.messages import StepCall
from web.cluster.models.pool import Seat, WorkerPool
from web.cluster.models.remote_server import RemoteServer
from web.cluster.models.scaling import Scaling
from web.cluster.models.worker import Servers

STATE = 64 << 20  # bytes
CHUNKS = {
    "a number": 1,
    "half a second of sound": np.zeros(8_000, np.float32),
    "a picture of 1280x720": np.zeros((720, 1280, 3), np.uint8),
}


class Keeps:
    """Its output is the size of a chunk; the state may be large."""

    def __init__(self, state: int = 0) -> None:
        self._state = np.random.default_rng(0).bytes(state)

    def init_state(self) -> Any:
        return self._state

    def step(self, state: Any, chunk: Any) -> tuple[Any, Sequence[int]]:
        return state, [getattr(chunk, "nbytes", 8)]


def server(device: Device, state: int = 0) -> ModelServer[Any, Any, int]:
    return ModelServer(Keeps(state), JobQueue(device, "keeps"), Urgency.ANSWER)


@contextmanager
def servers() -> Iterator[Servers]:
    device = Device("cpu", slots=1)
    worker.CHECKPOINT_AFTER = 1e9  # of no stream but those of "large"
    yield {"keeps": server(device), "large": _Checkpointed(server(device, STATE))}
    device.close()


class _Checkpointed(ModelServer[Any, Any, int]):
    """Each step of it is followed by a checkpoint."""

    def __init__(self, of: ModelServer[Any, Any, int]) -> None:
        super().__init__(of.model, of.queue, of.urgency)

    async def step(self, *arguments: Any, **options: Any) -> Sequence[int]:
        worker.CHECKPOINT_AFTER = 0.0
        return await super().step(*arguments, **options)


async def overhead(pool: WorkerPool, device: Device) -> None:
    local = server(device)
    remote = RemoteServer("keeps", local, pool, fetch)
    for name, chunk in CHUNKS.items():
        for where, served in (("a thread", local), ("Ray", remote)):
            handle = await served.open()
            await handle.step(chunk)
            print(f"{name:24s} over {where:8s} {await timed(partial(handle.step, chunk))}")
            await handle.close()


async def moves(pool: WorkerPool, seats: Sequence[Seat]) -> None:
    """Print how fast a state leaves a worker, and reaches another one, beside a copy in memory."""
    call = StepCall("large", "s", 0, (1,), Urgency.ANSWER, 60.0, 0.0)
    data = np.random.default_rng(0).bytes(STATE)
    began = time.perf_counter()
    data = pickle.loads(pickle.dumps(data, protocol=5))
    rates = {"copied in memory": len(data) / (time.perf_counter() - began) / 2**20}
    for number in range(3):
        began = time.perf_counter()
        _, reference = await pool.call(seats[0], _named(call, f"s{number}"), None)
        await fetch(reference)
        rates["from a worker"] = STATE / (time.perf_counter() - began) / 2**20
        began = time.perf_counter()
        await pool.call(seats[1], _named(call, f"t{number}", base=1), reference)
        rates["to another, with its own back"] = 2 * STATE / (time.perf_counter() - began) / 2**20
    for name, rate in rates.items():
        print(f"a state of {STATE >> 20} MiB {name}: {rate:.0f} MiB/s")


def _named(call: StepCall, stream: str, base: int = 0) -> StepCall:
    return StepCall(call.model, stream, base, call.chunks, call.urgency, 60.0, 0.0)


async def measure(cluster: str, address: str) -> None:
    join(cluster, address)
    device, threads = Device("cpu", slots=1), Worker("find")
    needs = WorkerNeeds(load=servers, cpus=1.0, gpus=0.0)
    manager = ActorClient(partial(find_manager, Scaling(2, 2, 1.0), needs), "the manager")
    pool = WorkerPool(RayFinder(manager, threads), LiveClock(), timeout=60.0, interval=0.3)
    while len(pool.ready) < 2:
        await pool.update()
        pool.check()
        await asyncio.sleep(0.5)
    await overhead(pool, device)
    await moves(pool, pool.seats)
    device.close()
    threads.close()


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="eyeline-") as folder,
        local_nodes(2, port=free_port(), folder=Path(folder)) as nodes,
    ):
        asyncio.run(measure(nodes[0].cluster, nodes[0].address))


if __name__ == "__main__":
    main()
