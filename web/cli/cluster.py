"""`eyeline cluster up`: a cluster on one machine, to try what several machines do."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from web.cluster.errors import ClusterUsageError
from web.cluster.local_nodes import LocalNode, local_nodes, ray_environment
from web.config import Settings

RAY_PORT = 6379
GRACE = 3.0  # seconds for a service to end


def up(settings: Settings, count: int) -> int:
    """Run `count` nodes with a service on each until Ctrl-C, or until a service ends; return 0.

    The services listen on `settings.port` and the ports after it.

    Raises:
        ClusterUsageError: Ray is not installed, a node does not start, or a service has ended.
    """
    if find_spec("ray") is None:
        raise ClusterUsageError("a cluster needs Ray: ./eyeline install cluster")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="eyeline-ray-") as folder:
        sys.stdout.write(f"starting {count} Ray nodes ...\n")
        sys.stdout.flush()
        try:
            with local_nodes(count, port=RAY_PORT, folder=Path(folder)) as nodes:
                _serve(nodes, settings)
        except KeyboardInterrupt:
            return 0
    return 0


def _serve(nodes: Sequence[LocalNode], settings: Settings) -> None:
    services = [_start(node, settings.port + number) for number, node in enumerate(nodes)]
    urls = ", ".join(f"http://localhost:{settings.port + number}" for number in range(len(nodes)))
    sys.stdout.write(f"services at {urls}, once their models are loaded; Ctrl-C ends them\n")
    sys.stdout.flush()
    try:
        pid, _ = os.wait()
        if pid in [service.pid for service in services]:
            raise ClusterUsageError("a service has ended: its last log lines say why")
        raise ClusterUsageError("a Ray node has ended")
    finally:
        _end(services)


def _start(node: LocalNode, port: int) -> "subprocess.Popen[bytes]":
    own = {
        "EYELINE_CLUSTER": node.cluster,
        "EYELINE_CLUSTER_NODE": node.address,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "web.cli.main", "serve", "--port", str(port)],
        env={**ray_environment(), **own},
    )


def _end(services: Sequence["subprocess.Popen[bytes]"]) -> None:
    for service in services:
        service.terminate()
    for service in services:
        try:
            service.wait(GRACE)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()
