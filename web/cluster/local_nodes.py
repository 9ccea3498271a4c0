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
    """A node at `address`, in the cluster `cluster`; `process` waits for its parts."""

    address: str
    cluster: str
    process: "subprocess.Popen[str]"

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
            role = (
                ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
                if number == 0
                else (f"--address={cluster}",)
            )
            node = LocalNode(address, cluster, _start(address, role))
            stack.callback(node.kill)  # in order, it would take seconds
            _wait_started(node)
            nodes.append(node)
        yield nodes


def ray_environment() -> dict[str, str]:
    """Return the environment of Ray's processes here: without a token, unless it asks for one."""
    return {"RAY_AUTH_MODE": "disabled", **os.environ}  # noqa: TID251 - of other processes


def _start(address: str, role: Sequence[str]) -> "subprocess.Popen[str]":
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", *role),
        f"--node-ip-address={address}",
        f"--num-cpus={CORES}",
        f"--object-store-memory={OBJECT_STORE}",
        "--disable-usage-stats",
        "--block",
    ]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ray_environment(),
        start_new_session=True,  # Ctrl-C ends the services first, and then the nodes
    )


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
