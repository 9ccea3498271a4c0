"""One cluster of three nodes for all tests of this folder; each test starts its edges."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.web.cluster.processes import ClusterProcesses, cluster_processes


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def nodes() -> Iterator[ClusterProcesses]:
    pytest.importorskip("ray", reason="needs ./eyeline install test,cluster")
    # Ray's sockets are in its folder, and their names may have 107 characters.
    with (
        tempfile.TemporaryDirectory(prefix="eyeline-") as folder,
        cluster_processes(3, Path(folder), free_port()) as cluster,
    ):
        yield cluster


@pytest.fixture
def cluster(nodes: ClusterProcesses, tmp_path: Path) -> Iterator[ClusterProcesses]:
    """The nodes, without edges of other tests."""
    with ExitStack() as stack:
        yield replace(nodes, folder=tmp_path, stack=stack)
