"""Nodes of a Ray cluster on this machine, each on a loopback address of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from web.cluster.errors import ClusterUsageError

OBJECT_STORE = 128 << 20  # bytes of shared memory of each node
CORES = 1  # of each node, as Ray counts them
STARTED = "Ray runtime started"


@dataclass(frozen=True, slots=True)
class LocalNode:
    """A node at `address`, in the cluster `cluster`; `process` waits for its parts.

    `inside` comes before commands that run where the node does.
    """

    address: str
    cluster: str
    process: "subprocess.Popen[str]"
    inside: tuple[str, ...] = ()

    def kill(self) -> None:
        """End the node as a power cut would."""
        for part in _parts(self.process.pid):
            with suppress(ProcessLookupError):  # it has ended with another
                os.kill(part, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def local_nodes(count: int, *, port: int, folder: Path) -> Iterator[list[LocalNode]]:
    """Yield `count` nodes, the first of which is the head, at `port`; end them after.

    Raises:
        ClusterUsageError: one of them does not start.
    """
    cluster = f"127.0.0.2:{port}"
    with ExitStack() as stack:
        nodes = []
        for number in range(count):
            address = f"127.0.0.{number + 2}"
            node = start_node(address, cluster, folder if number == 0 else None)
            stack.callback(node.kill)  # in order, it would take seconds
            nodes.append(node)
        yield nodes


def ray_environment() -> dict[str, str]:
    """Return the environment of Ray's processes here.

    They need no token, unless it asks for one. Ray gives its actors the lowest priority but four,
    as for work that may wait; the registry, keepers and model workers may not.
    """
    own = {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    return {**own, **os.environ}  # noqa: TID251 - of other processes


def start_node(
    address: str, cluster: str, head_folder: Path | None, inside: Sequence[str] = ()
) -> LocalNode:
    """Start a node at `address` of the cluster at `cluster`; with a folder it is its head.

    Its command comes after `inside`, which may put it elsewhere.

    Raises:
        ClusterUsageError: it does not start.
    """
    role: Sequence[str] = (f"--address={cluster}",)
    if head_folder is not None:
        port = cluster.rpartition(":")[2]
        folder = f"--temp-dir={head_folder}"
        role = ("--head", f"--port={port}", "--include-dashboard=false", folder)
    command = [
        *(*inside, sys.executable, "-m", "ray.scripts.scripts", "start", *role),
        f"--node-ip-address={address}",
        f"--num-cpus={CORES}",
        f"--object-store-memory={OBJECT_STORE}",
        "--disable-usage-stats",
        "--block",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ray_environment(),
        start_new_session=True,  # Ctrl-C ends the services first, and then the nodes
    )
    node = LocalNode(address, cluster, process, tuple(inside))
    try:
        _wait_started(node)
    except BaseException:
        node.kill()
        raise
    return node


def _wait_started(node: LocalNode) -> None:
    assert node.process.stdout is not None
    said = []
    for line in node.process.stdout:
        said.append(line)
        if STARTED in line:
            return
    raise ClusterUsageError(f"a Ray node at {node.address} does not start: {''.join(said)[-800:]}")


def _parts(parent: int) -> list[int]:
    """Return the processes below `parent`, on Linux; elsewhere none: Ray ends them itself."""
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    own = [int(each) for each in text.split()]
    return [*own, *(part for each in own for part in _parts(each))]
