"""A service on several machines: placement in a simulation, and a real cluster on this machine.

python -m tests.bench.bench_cluster [simulation|real]; the latter needs `eyeline[cluster]`.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from media.worker import Worker
from tests.web.cluster.conftest import free_port
from tests.web.cluster.processes import ClusterProcesses, EdgeProcess, cluster_processes
from tests.web.cluster.test_spreading import all_known
from web.cluster.actors import ActorClient, find_actor, join
from web.cluster.directory import Directory, EdgeReport
from web.cluster.mirror import apply, changes, file_marks
from web.cluster.transfer import fetch_files, send_files

CAPACITY = 10  # sessions of one node in the simulation
INTERVAL = 0.3  # seconds between two reports
MINUTES = 10.0
MEMORY = 256 << 20  # bytes of the memory that is moved
ROUNDS = 300


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


async def requests(edges: list[EdgeProcess], session: str) -> None:
    """Print how long a request about a session takes at its edge, and through another, in turns."""
    async with httpx.AsyncClient(timeout=60) as web:
        for _ in range(3):
            for name, edge in (("at its edge", edges[1]), ("through another", edges[0])):
                url = f"{edge.url}/sessions/{session}"
                print(f"a request about a session {name:16s} {await timed(partial(web.get, url))}")


async def admitted(edges: list[EdgeProcess]) -> int:
    """Return how many sessions can be opened at the first of `edges`, which place them."""
    async with AsyncExitStack() as stack:
        for count in range(len(edges) * CAPACITY + 1):
            url = f"{edges[0].ws}/v1/realtime?eyeline=1"
            client = await stack.enter_async_context(connect(url, open_timeout=60))
            try:
                created = json.loads(await client.recv())["type"] == "session.created"
            except ConnectionClosed:  # 1013
                created = False
            if not created:
                return count
    return len(edges) * CAPACITY + 1


async def sessions(cluster: ClusterProcesses) -> None:
    """Print how many sessions one, two and three nodes take, where each may have `CAPACITY`."""
    for nodes in (1, 2, 3):
        edges = [cluster.edge(number, sessions=CAPACITY) for number in range(nodes)]
        await all_known(edges)
        print(f"{nodes} nodes: {await admitted(edges)} sessions, opened at one of them")
        for edge in edges:
            edge.terminate()


async def messages(edge: EdgeProcess, name: str) -> str:
    """Print how long a message and its answer take; return the session."""
    async with connect(f"{edge.ws}/v1/realtime?eyeline=1") as client:
        created = json.loads(await client.recv())

        async def update() -> None:
            await client.send('{"type":"session.update","session":{"type":"realtime"}}')
            while json.loads(await client.recv())["type"] != "session.updated":
                pass

        print(f"a message and its answer {name:17s} {await timed(update)}")
    return str(created["session"]["id"])


async def resume(cluster: ClusterProcesses, edges: list[EdgeProcess]) -> None:
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
        edges[1] = cluster.edge(1)
    print(
        "from the kill of an edge to the first events at another:", *(f"{t:.2f} s" for t in times)
    )


async def move(folder: Path, node: str) -> None:
    """Print how fast a memory is kept elsewhere and fetched again, beside a copy on this disk."""
    source, target = folder / "memory", folder / "copy"
    source.mkdir()
    target.mkdir()
    (source / "segment").write_bytes(random.Random(0).randbytes(1 << 20) * (MEMORY >> 20))
    marks = file_marks(source)
    pieces = list(changes(source, {}, marks))
    began = time.perf_counter()
    for piece in pieces:
        apply(target, piece)
    local = MEMORY / (time.perf_counter() - began) / 2**20
    keeper = ActorClient(lambda: find_actor(f"keeper-{node}"), "the keeper")
    await keeper.call("keep", "bench", {}, [], True)
    worker = Worker("bench")
    began = time.perf_counter()
    await send_files(keeper, "bench", changes(source, {}, marks), worker)
    kept = MEMORY / (time.perf_counter() - began) / 2**20
    began = time.perf_counter()
    await fetch_files(keeper, "bench", target, worker)
    fetched = MEMORY / (time.perf_counter() - began) / 2**20
    print(
        f"{MEMORY >> 20} MiB of memory: written {local:.0f} MiB/s, kept {kept:.0f} MiB/s "
        f"({kept / local:.2f} x), fetched {fetched:.0f} MiB/s ({fetched / local:.2f} x)"
    )
    await keeper.call("drop", "bench")
    worker.close()


async def real(cluster: ClusterProcesses) -> None:
    await sessions(cluster)
    edges = [cluster.edge(number) for number in range(3)]
    async with connect(f"{edges[1].ws}/v1/realtime") as client:
        await requests(edges, json.loads(await client.recv())["session"]["id"])
    await messages(edges[1], "in a cluster")
    await resume(cluster, edges)
    alone = cluster.edge(0, cluster=None, cluster_node=None)
    await messages(alone, "on one machine")
    join(cluster.nodes[0].cluster, cluster.nodes[0].address)
    import ray

    nodes = {each["NodeManagerAddress"]: each["NodeID"] for each in ray.nodes()}
    registry = ActorClient(lambda: find_actor("registry"), "the registry")
    print(f"a call of the registry {await timed(lambda: registry.call('locate', 'none'))}")
    await move(cluster.folder, nodes[cluster.nodes[1].address])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("simulation", "real"))
    part = parser.parse_args().part
    if part != "real":
        simulation()
    if part != "simulation":
        with (
            tempfile.TemporaryDirectory(prefix="eyeline-") as folder,
            cluster_processes(3, Path(folder), free_port()) as cluster,
        ):
            asyncio.run(real(cluster))


if __name__ == "__main__":
    main()
