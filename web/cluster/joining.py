"""Joining a cluster when the service starts."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from media.worker import Worker
from web.cluster.actors import ActorClient, find_registry, join, node_address, start_keeper
from web.cluster.edge import Edge
from web.cluster.membership import Membership
from web.cluster.models.actors import RayFinder, find_manager
from web.cluster.models.loading import loader, with_workers
from web.cluster.models.manager import WorkerNeeds
from web.cluster.models.pool import WorkerPool
from web.cluster.models.scaling import Scaling
from web.cluster.shared_access import SharedAccess
from web.config import Settings
from web.context import ServiceContext
from web.temporary_folder import temporary_folder

logger = logging.getLogger(__name__)

REPORTS = 5  # in the time after which an edge without one counts as gone


@asynccontextmanager
async def joined(
    context: ServiceContext, listening: tuple[str, int]
) -> AsyncIterator[ServiceContext]:
    """Yield `context` as an edge of its cluster; it listens on the host and port `listening`.

    Raises:
        ClusterUsageError: there is no such cluster.
    """
    settings, worker = context.settings, Worker("memories")
    loop = asyncio.get_running_loop()
    try:
        membership = await loop.run_in_executor(None, _join, context, listening)
        with temporary_folder(settings.memory_folder) as folder:
            pool = await loop.run_in_executor(None, _workers, context, worker)
            if pool is not None:
                await pool.update()
                services = with_workers(context.models.services, settings, pool)
                context = replace(context, models=replace(context.models, services=services))
            edge = Edge(context, membership, folder, worker, pool)
            await membership.report()
            running = [
                context.tasks.create_task(membership.run(), name="report to the cluster"),
                context.tasks.create_task(edge.run(), name="have sessions kept"),
            ]
            if pool is not None:
                running.append(context.tasks.create_task(pool.run(), name="follow workers"))
            logger.info("edge %s of the cluster at %s", membership.id, settings.cluster)
            try:
                yield edge.context
            finally:
                for task in running:
                    task.cancel()
                await edge.proxy.close()
    finally:
        worker.close()


def _join(context: ServiceContext, listening: tuple[str, int]) -> Membership:
    settings = context.settings
    assert settings.cluster is not None
    node = join(settings.cluster, settings.cluster_node)
    start_keeper(node, settings.memory_folder, settings.resume_timeout)

    def registry() -> object:
        return find_registry(settings.cluster_timeout, settings.resume_timeout)

    return Membership(
        url=advertised_url(settings, listening),
        node=node,
        sessions=context.sessions,
        registry=ActorClient(registry, "the registry of the cluster"),
        clock=context.clock,
        interval=settings.cluster_timeout / REPORTS,
        access=SharedAccess(context.doorkeeper.rates.used, context.doorkeeper.keys.revoked),
    )


def _workers(context: ServiceContext, worker: Worker) -> WorkerPool | None:
    """Return the workers that compute for this edge, None if none shall."""
    settings = context.settings
    if not settings.cluster_models:
        return None
    scaling = Scaling(settings.cluster_workers, settings.cluster_max_workers, settings.cluster_wait)
    needs = WorkerNeeds(
        load=loader(settings),
        cpus=settings.cluster_worker_cpus,
        gpus=settings.cluster_worker_gpus,
    )
    manager = ActorClient(partial(find_manager, scaling, needs), "the manager of workers")
    return WorkerPool(
        RayFinder(manager, worker),
        context.clock,
        timeout=settings.cluster_timeout,
        interval=settings.cluster_timeout / REPORTS,
    )


def advertised_url(settings: Settings, listening: tuple[str, int]) -> str:
    """Return where other edges reach this one."""
    if settings.cluster_url is not None:
        return settings.cluster_url
    host, port = listening
    if host in ("0.0.0.0", "::"):
        host = node_address()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
