"""The seam to Ray: joining a cluster, and calls of its actors from the event loop.

Only this module and the actors' starts import Ray, and only where a cluster is asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from web.cluster.errors import ClusterError, ClusterUsageError

logger = logging.getLogger(__name__)

NAMESPACE = "eyeline"
REGISTRY = "registry"
START_TIMEOUT = 180.0  # seconds for an actor's process to start, on a busy machine
ON_HEAD = {"node:__internal_head__": 0.001}  # a resource that only the head of a cluster has
CALL_TIMEOUT = 2.0  # seconds for an actor to answer, a second of which Ray may take to restart it


def join(address: str, own_address: str | None = None) -> str:
    """Join the Ray cluster at `address` as a driver, and return the id of this machine's node.

    `own_address` chooses among several nodes on one machine.

    Raises:
        ClusterUsageError: Ray is not installed, or there is no cluster.
    """
    if find_spec("ray") is None:
        raise ClusterUsageError("a cluster needs Ray: ./eyeline install cluster")
    import ray

    options: dict[str, Any] = {} if own_address is None else {"_node_ip_address": own_address}
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            **options,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ClusterUsageError(
            f"no Ray cluster at {address}: {error}; start one with `ray start --head`, and this "
            "machine's part of it with `ray start --address`"
        ) from error
    return str(ray.get_runtime_context().get_node_id())


class ActorClient:
    """Calls one actor, found again by `find` whenever it has ended."""

    def __init__(self, find: Callable[[], Any], about: str) -> None:
        self.about = about
        self._find = find
        self._actor: Any = None

    async def call(self, method: str, *arguments: object, within: float = CALL_TIMEOUT) -> Any:
        """Return what `method` returns.

        Raises:
            ClusterError: the actor is not there, or did not answer within `within` seconds.
        """
        from ray.exceptions import RayError

        try:
            if self._actor is None:
                self._actor = await asyncio.get_running_loop().run_in_executor(None, self._find)
            async with asyncio.timeout(within):
                return await getattr(self._actor, method).remote(*arguments)
        except TimeoutError as error:
            raise ClusterError(f"{self.about} did not answer within {within:g} s") from error
        except (RayError, ValueError) as error:  # ValueError: no actor has this name
            self._actor = None
            raise ClusterError(f"{self.about} is not there: {error}") from error


class Keepers:
    """Finds the keeper of a node by its name."""

    def __init__(self) -> None:
        self._clients: dict[str, ActorClient] = {}

    def on(self, node: str) -> ActorClient:
        """Return the keeper on `node`."""
        if node not in self._clients:
            find = partial(find_actor, f"keeper-{node}")
            self._clients[node] = ActorClient(find, f"the keeper on node {node[:8]}")
        return self._clients[node]


def find_registry(timeout: float, patience: float) -> Any:
    """Return the registry, on the head's machine, without which Ray ends; the first edge starts it.

    A machine that is cut off does not take it away from the others.
    """
    import ray

    from web.cluster.registry import Registry

    options: dict[str, Any] = {
        "name": REGISTRY,
        "lifetime": "detached",
        "get_if_exists": True,
        "max_restarts": -1,
        "max_task_retries": 1,
        "num_cpus": 0,
        "resources": ON_HEAD,
    }
    return _started(ray.remote(Registry).options(**options).remote(timeout, patience))


def start_keeper(node: str, folder: Path | None, patience: float) -> None:
    """Start the keeper of this machine's `node`, unless it runs: it ends with the node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from web.cluster.keeper import Keeper

    options: dict[str, Any] = {
        "name": f"keeper-{node}",
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False),
    }
    _started(ray.remote(Keeper).options(**options).remote(folder, patience))


def _started(actor: Any) -> Any:
    """Return `actor` once it answers.

    Raises:
        RayError: it does not start.
    """
    import ray

    ray.get(actor.__ray_ready__.remote(), timeout=START_TIMEOUT)
    return actor


def find_actor(name: str) -> Any:
    """Return the actor `name`.

    Raises:
        ValueError: there is none.
    """
    import ray

    return ray.get_actor(name)


def node_address() -> str:
    """Return the IP address by which Ray knows this machine."""
    import ray

    return str(ray.util.get_node_ip_address())
