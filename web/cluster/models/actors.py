"""The seam to Ray of workers: how they are started, found and called."""

import asyncio
import logging
from concurrent.futures import Future
from typing import Any

from media.worker import Worker
from web.cluster.actors import ON_HEAD, ActorClient, find_actor
from web.cluster.errors import ClusterError
from web.cluster.models.manager import WORKER, ModelManager, WorkerNeeds
from web.cluster.models.messages import StepCall, WorkerLoad, WorkerLostError
from web.cluster.models.pool import CallsWorker, Stepped
from web.cluster.models.scaling import Scaling
from web.cluster.models.worker import ModelWorker

logger = logging.getLogger(__name__)

MANAGER = "model-manager"


class RayWorkers:
    """Starts and ends workers as named actors: `RunsWorkers`, in the process of the manager."""

    def names(self) -> list[str]:
        from ray.util import list_named_actors

        return [name for name in list_named_actors() if name.startswith(WORKER)]

    def start(self, name: str, needs: WorkerNeeds) -> None:
        import ray

        options: dict[str, Any] = {
            "name": name,
            "lifetime": "detached",
            "num_cpus": needs.cpus,
            "num_gpus": needs.gpus,
            "scheduling_strategy": "SPREAD",
        }
        ray.remote(ModelWorker).options(**options).remote(needs.load)

    def end(self, name: str) -> None:
        import ray

        try:
            ray.kill(find_actor(name))
        except ValueError:
            logger.debug("the worker %s has ended", name)

    async def load(self, name: str, within: float) -> WorkerLoad:
        from ray.exceptions import RayError

        try:
            async with asyncio.timeout(within):
                load: WorkerLoad = await find_actor(name).load.remote()
        except (RayError, ValueError, TimeoutError) as error:
            raise ClusterError(f"{name} does not answer") from error
        return load


class RayWorker:
    """A worker as an edge calls it: `CallsWorker`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def step(self, call: StepCall, state: Any) -> "Future[Stepped]":
        outcome, saved = self._actor.step.options(num_returns=2).remote(call, state)

        def stepped(found: Any) -> Stepped:
            if not found.checkpoint:
                return found, None
            import ray

            # A copy on this node: the worker's may be lost with it.
            ray.wait([saved], timeout=0, fetch_local=True)
            return found, saved

        return _chained(outcome.future(), stepped)

    def load(self) -> "Future[WorkerLoad]":
        return _chained(self._actor.load.remote().future(), lambda load: load)

    def close(self, stream: str) -> None:
        self._actor.close.remote(stream)


class RayFinder:
    """Hears of workers from the manager, which `start` starts if it is not there."""

    def __init__(self, manager: ActorClient, worker: Worker) -> None:
        self._manager = manager
        self._worker = worker

    async def names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = await self._manager.call("workers", within=10.0)
        return names

    async def find(self, name: str) -> CallsWorker:
        try:
            return RayWorker(await self._worker.run(find_actor, name))
        except ValueError as error:
            raise ClusterError(f"the worker {name} has ended") from error


async def fetch(checkpoint: Any) -> bytes:
    """Return the bytes of a checkpoint.

    Raises:
        WorkerLostError: its copy is lost with the node that had it.
    """
    from ray.exceptions import RayError

    try:
        data: bytes = await checkpoint
    except RayError as error:
        raise WorkerLostError(f"a checkpoint is lost: {error}") from error
    return data


def find_manager(scaling: Scaling, needs: WorkerNeeds) -> Any:
    """Return the manager of workers; the first edge that asks starts it."""
    import ray

    options: dict[str, Any] = {
        "name": MANAGER,
        "lifetime": "detached",
        "get_if_exists": True,
        "max_restarts": -1,
        "max_task_retries": 1,
        "num_cpus": 0,
        "resources": ON_HEAD,
    }
    return ray.remote(ModelManager).options(**options).remote(RayWorkers, scaling, needs)


def _chained(there: "Future[Any]", made: Any) -> "Future[Any]":
    """Return the future of `made` of a result; that the actor is gone is a `WorkerLostError`.

    What the actor itself raised is raised as it is: others would raise it, too.
    """
    from ray.exceptions import RayError, RayTaskError

    chained: Future[Any] = Future()

    def settle(done: "Future[Any]") -> None:
        try:
            chained.set_result(made(done.result()))
        except RayTaskError as error:
            chained.set_exception(error)
        except RayError as error:
            chained.set_exception(WorkerLostError(str(error)))
        except Exception as error:  # noqa: BLE001  (it is raised where the result is awaited)
            chained.set_exception(error)

    there.add_done_callback(settle)
    return chained
