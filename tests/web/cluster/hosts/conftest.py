"""Three hosts of a cluster, and one of clients, on which the tests of this folder run."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.web.cluster.hosts.network import Host, hosts, on, why_not
from tests.web.cluster.processes import ClusterProcesses
from web.cluster.local_nodes import LocalNode, start_node

PORT = 6379
COUNT = 3


@dataclass(frozen=True)
class HostCluster(ClusterProcesses):
    """A cluster with a node on each of its `hosts`."""

    hosts: list[Host] = field(default_factory=list)

    def start(self, number: int) -> LocalNode:
        """Start the node of a host, again if it was killed."""
        host, folder = self.hosts[number], self.folder if number == 0 else None
        cluster = f"{self.hosts[0].address}:{PORT}"
        node = start_node(host.address, cluster, folder, host.inside)
        self.stack.callback(node.kill)
        self.nodes[number:] = [node, *self.nodes[number + 1 :]]
        return node


@pytest.fixture(scope="module")
def network() -> Iterator[HostCluster]:
    pytest.importorskip("ray", reason="needs ./eyeline install test,cluster")
    if reason := why_not():
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="eyeline-") as folder,
        hosts(COUNT + 1) as made,
        ExitStack() as stack,
    ):
        cluster = HostCluster([], Path(folder) / "ray", stack, made[:COUNT])
        for number in range(COUNT):
            cluster.start(number)
        stack.enter_context(on(made[COUNT]))
        yield cluster


@pytest.fixture
def hosted(network: HostCluster, tmp_path: Path) -> Iterator[HostCluster]:
    """The hosts, without edges of other tests; all are connected again after the test."""
    with ExitStack() as stack:
        for host in network.hosts:
            stack.callback(host.heal)
        yield replace(network, folder=tmp_path, stack=stack)
