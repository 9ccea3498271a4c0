"""A service on several machines: placement in a simulation, and a real cluster on this machine.

python -m tests.bench.bench_cluster [simulation|real]; the latter needs `eyeline[cluster]`. Parts of
it that take longer than they may are left out: it ends within fifteen minutes.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from media.worker import Worker
from tests.web.cluster.conftest import free_port
from tests.web.cluster.processes import ClusterProcesses, EdgeProcess, cluster_processes
from tests.web.cluster.test_spreading import all_known
from web.cluster.actors import ActorClient, find_actor, join
from web.cluster.directory import Directory, EdgeReport
from web.cluster.errors import ClusterError
from web.cluster.mirror import apply, changes, file_marks
from web.cluster.transfer import fetch_files, send_files

CAPACITY = 10  # sessions of one node in the simulation
INTERVAL = 0.3  # seconds between two reports
MINUTES = 10.0
MEMORY = 256 << 20  # bytes of the memory that is moved
MOVES = 3
ROUNDS = 300
PART_TIMEOUT = 150.0  # seconds for each of the measurements of a real cluster
ENDINGS = (TimeoutError, OSError, RuntimeError, ConnectionClosed, httpx.HTTPError, ClusterError)

T = TypeVar("T")


class Starter(Protocol):
    """Starts an edge on a node."""

    async def __call__(self, number: int, **settings: object) -> EdgeProcess: ...


def simulate(nodes: int, load: float, rng: random.Random) -> tuple[float, float]:
    """Return how many sessions run in the mean, and the part of those that came and found no room.

    Sessions come as a Poisson process at `load` times what the nodes carry, and last a minute in
    the mean (exponential). Edges report every `INTERVAL`; placement knows nothing newer.
    """
    directory = Directory(timeout=1.5, patience=60.0)
    live: dict[str, list[float]] = {f"e{n}": [] for n in range(nodes)}
    rate, total = load * nodes * CAPACITY / 60.0, MINUTES * 60
    now, reported, refused, came, seconds = 0.0, -INTERVAL, 0, 0, 0.0
    while (now := now + rng.expovariate(rate)) < total:
        while reported + INTERVAL <= now:
            reported += INTERVAL
            _report(directory, live, reported)
        came += 1
        chosen = directory.place(rng.choice(list(live)), now)
        ends = [] if chosen is None else live[chosen.id]
        if chosen is None or sum(end > now for end in ends) >= CAPACITY:
            refused += 1
        else:
            directory.add("s", chosen.id)  # it has arrived, and is counted by the next report
            directory.remove("s", chosen.id)
            ends.append(now + rng.expovariate(1 / 60.0))
            seconds += min(ends[-1], total) - now
    return seconds / total, refused / came


def _report(directory: Directory, live: dict[str, list[float]], now: float) -> None:
    for id, ends in live.items():
        ends[:] = [end for end in ends if end > now]
        report = EdgeReport(id, id, id, len(ends), CAPACITY)
        directory.report(report, {} if now == 0 else None, now)


def simulation() -> None:
    print(
        f"nodes of {CAPACITY} sessions: sessions in the mean at three times that load, beside one"
    )
    print("one node; and those that were refused at 60 % of it")
    base = 0.0
    for nodes in (1, 2, 3, 8, 16, 32, 64):
        running, _ = simulate(nodes, 3.0, random.Random(nodes))
        _, refused = simulate(nodes, 0.6, random.Random(nodes))
        base = base or running
        ratio = running / nodes / base
        print(f"{nodes:4d} {running:8.1f} {ratio:6.2f} x {100 * refused:6.2f} %")


async def timed(call: Callable[[], Awaitable[object]]) -> str:
    """Return the median and the 99th percentile of `ROUNDS` calls, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await call()
        times.append(1000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:6.2f} ms, p99 {cuts[98]:6.2f} ms"


async def requests(edges: list[EdgeProcess]) -> None:
    """Print how long a request about a session takes at its edge, and through another, in turns."""
    async with (
        httpx.AsyncClient(timeout=60) as web,
        connect(f"{edges[1].ws}/v1/realtime") as client,
    ):
        session = json.loads(await client.recv())["session"]["id"]
        for _ in range(3):
            for name, edge in (("at its edge", edges[1]), ("through another", edges[0])):
                url = f"{edge.url}/sessions/{session}"
                took = await timed(partial(web.get, url))
                print(f"a request about a session {name:16s} {took}", flush=True)


async def admitted(edges: list[EdgeProcess]) -> int:
    """Return how many sessions can be opened at the first of `edges`, which place them."""
    opened = 0
    async with AsyncExitStack() as stack:
        while opened <= len(edges) * CAPACITY:
            url = f"{edges[0].ws}/v1/realtime?eyeline=1"
            client = await stack.enter_async_context(connect(url, open_timeout=60))
            try:
                if json.loads(await client.recv())["type"] != "session.created":
                    break
            except ConnectionClosed:  # 1013
                break
            opened += 1
    await until_idle(edges)
    return opened


async def until_idle(edges: list[EdgeProcess]) -> None:
    """Wait until no edge has a session, and all know that."""
    async with httpx.AsyncClient(timeout=60) as web:
        for edge in edges:
            while (await web.get(f"{edge.url}/health")).json()["sessions"]["live"]:
                pass
    await asyncio.sleep(2 * INTERVAL)  # two reports


async def sessions(starter: Starter) -> list[EdgeProcess]:
    """Print how many sessions one, two and three nodes take, each with room for `CAPACITY`.

    Return an edge on each of three nodes.
    """
    edges: list[EdgeProcess] = []
    for nodes in (1, 2, 3):
        edges.append(await starter(nodes - 1, sessions=CAPACITY))
        await all_known(edges)
        print(f"{nodes} nodes: {await admitted(edges)} sessions, opened at one of them", flush=True)
    return edges


async def messages(edge: EdgeProcess, name: str) -> None:
    """Print how long a message and its answer take."""
    async with connect(f"{edge.ws}/v1/realtime?eyeline=1") as client:
        await client.recv()

        async def update() -> None:
            await client.send('{"type":"session.update","session":{"type":"realtime"}}')
            while json.loads(await client.recv())["type"] != "session.updated":
                pass

        print(f"a message and its answer {name:17s} {await timed(update)}", flush=True)


async def resume(starter: Starter, edges: list[EdgeProcess]) -> None:
    """Print how long a session takes to go on after its edge was killed."""
    times = []
    for _ in range(3):
        async with connect(f"{edges[1].ws}/v1/realtime?eyeline=1&resumable=1") as client:
            event = json.loads(await client.recv())
            session = event["session"]["id"]
            await asyncio.sleep(1.0)  # the memory was kept
            edges[1].kill()
            began = time.perf_counter()
        url = f"{edges[2].ws}/v1/realtime?session={session}&last_event_id={event['event_id']}"
        async with connect(url, open_timeout=30) as client:
            while json.loads(await client.recv())["type"] != "eyeline.connection":
                pass
            times.append(time.perf_counter() - began)
        edges[1] = await starter(1)
        await all_known(edges)
    print(
        "from the kill of an edge to the first events at another:",
        *(f"{t:.2f} s" for t in times),
        flush=True,
    )


async def move(folder: Path, node: str, where: str) -> None:
    """Print how fast a memory is kept on a node and fetched again, beside a copy on this disk."""
    source, target = folder / f"memory of {where}", folder / f"copy of {where}"
    source.mkdir()
    target.mkdir()
    (source / "segment").write_bytes(random.Random(0).randbytes(1 << 20) * (MEMORY >> 20))
    marks = file_marks(source)
    began = time.perf_counter()
    for piece in changes(source, {}, marks):
        apply(target, piece)
    written = speed(began)
    keeper = ActorClient(lambda: find_actor(f"keeper-{node}"), "the keeper")
    worker = Worker("bench")
    for _ in range(MOVES):
        await keeper.call("keep", "bench", {}, [], True)
        began = time.perf_counter()
        await send_files(keeper, "bench", changes(source, {}, marks), worker)
        kept = speed(began)
        began = time.perf_counter()
        await fetch_files(keeper, "bench", target, worker)
        print(
            f"{MEMORY >> 20} MiB of memory to {where}: kept {kept:.0f} MiB/s, fetched "
            f"{speed(began):.0f} MiB/s; written here {written:.0f} MiB/s",
            flush=True,
        )
        await keeper.call("drop", "bench")
    worker.close()


def speed(began: float) -> float:
    """Return the MiB a second of `MEMORY` bytes since `began`."""
    return MEMORY / (time.perf_counter() - began) / 2**20


async def bounded(name: str, work: Awaitable[T]) -> T | None:
    """Return what `work` does, or None if it fails or takes over `PART_TIMEOUT` seconds."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PART_TIMEOUT):
            return await work
    except (*ENDINGS, ExceptionGroup) as error:
        print(f"{name}: {error!r}")
        return None
    finally:
        print(f"({name} took {time.perf_counter() - began:.0f} s)", flush=True)


async def real(cluster: ClusterProcesses) -> None:
    worker = Worker("start")  # an edge that does not start holds up nothing else

    async def starter(number: int, **settings: object) -> EdgeProcess:
        return await worker.run(cluster.edge, number, **settings)

    edges = await bounded("sessions", sessions(starter))
    if edges is not None:
        await bounded("requests", requests(edges))
        await bounded("messages", messages(edges[1], "in a cluster"))
        await bounded("resuming", resume(starter, edges))
        await bounded("memory", memory(cluster))
        await bounded("one machine", one_machine(starter, edges))
    worker.end()


async def one_machine(starter: Starter, edges: list[EdgeProcess]) -> None:
    """Print how long a message and its answer take without a cluster."""
    for edge in edges:
        edge.kill()
    await messages(await starter(0, cluster=None, cluster_node=None), "on one machine")


async def memory(cluster: ClusterProcesses) -> None:
    """Print how long a call of the registry takes, and how fast memories move."""
    join(cluster.nodes[0].cluster, cluster.nodes[0].address)
    import ray

    nodes = {each["NodeManagerAddress"]: each["NodeID"] for each in ray.nodes()}
    registry = ActorClient(lambda: find_actor("registry"), "the registry")
    print(f"a call of the registry {await timed(lambda: registry.call('locate', 'none'))}")
    for number, where in ((0, "this node"), (1, "another node")):
        await move(cluster.folder, nodes[cluster.nodes[number].address], where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("simulation", "real"))
    part = parser.parse_args().part
    if part != "real":
        simulation()
    if part != "simulation":
        with tempfile.TemporaryDirectory(prefix="eyeline-") as folder, ExitStack() as stack:
            nodes = cluster_processes(3, Path(folder), free_port())
            asyncio.run(real(stack.enter_context(nodes)))
            with redirect_stdout(StringIO()):  # the logs of the edges
                stack.close()


if __name__ == "__main__":
    main()
