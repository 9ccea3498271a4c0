"""A cluster of real processes on this machine: Ray's nodes, and an edge on each."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.paths import ROOT
from web.cluster.local_nodes import LocalNode, local_nodes, ray_environment

KILL_ACTORS = """
import sys
from web.cluster.actors import find_actor, join
join(sys.argv[1], sys.argv[2])
import ray
print("ready", flush=True)
for line in sys.stdin:
    ray.kill(find_actor(line.strip()))
    print("killed", flush=True)
"""
GRACE = 30.0  # seconds for an edge to end after SIGTERM, on a busy machine


@dataclass(frozen=True)
class EdgeProcess:
    """A running edge at `url`, on `node`."""

    url: str
    node: LocalNode
    process: "subprocess.Popen[str]"

    @property
    def http(self) -> str:
        return self.url

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    def kill(self) -> None:
        """End it without a chance to do anything."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(GRACE)


@dataclass(frozen=True)
class ClusterProcesses:
    """The nodes of a cluster; edges are started on them."""

    nodes: list[LocalNode]
    folder: Path
    stack: ExitStack

    def edge(self, number: int, **settings: object) -> EdgeProcess:
        """Start an edge on a node."""
        node = self.nodes[number]
        options = {
            "host": node.address,
            "cluster": node.cluster,
            "cluster_node": node.address,
            "memory_folder": str(self.folder / f"memory{number}"),
            "held": str(self.folder / "held"),
            **settings,
        }
        log = TemporaryFile("w+")  # noqa: SIM115 - until the stack ends
        self.stack.callback(_show, log, number)
        process = subprocess.Popen(
            [*node.inside, sys.executable, "-m", "tests.web.cluster.edge_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self.stack.callback(process.stdout.close)
        self.stack.callback(process.stdin.close)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        process.stdin.write(json.dumps(options) + "\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        if not url:
            log.seek(0)
            raise RuntimeError(f"an edge did not start: {log.read()[-3000:]}")
        return EdgeProcess(url, node, process)

    def actor_killer(self) -> Callable[[str], None]:
        """Return what kills the process of an actor at once, by its name."""
        node = self.nodes[0]
        process = subprocess.Popen(
            [*node.inside, sys.executable, "-c", KILL_ACTORS, node.cluster, node.address],
            cwd=ROOT,
            env=ray_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        read, write = process.stdout, process.stdin
        assert read is not None
        assert write is not None
        self.stack.callback(read.close)
        self.stack.callback(write.close)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        assert read.readline() == "ready\n"

        def kill(name: str) -> None:
            write.write(f"{name}\n")
            write.flush()
            assert read.readline() == "killed\n"

        return kill


@contextmanager
def cluster_processes(count: int, folder: Path, port: int) -> Iterator[ClusterProcesses]:
    """Yield `count` nodes without edges."""
    with local_nodes(count, port=port, folder=folder / "ray") as nodes, ExitStack() as stack:
        yield ClusterProcesses(nodes, folder, stack)


def _show(log: IO[str], number: int) -> None:
    """Show the log of an edge beside a test that fails."""
    log.seek(0)
    sys.stdout.write(f"log of the edge on node {number}:\n{log.read()}\n")
    log.close()
