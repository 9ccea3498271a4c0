"""This service as one edge of a cluster."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from web.access.auth import Caller, ClientSecret
from web.access.keys.scopes import KeyScope
from web.cluster.actors import ActorClient, find_registry, join
from web.cluster.directory import SharedSecret
from web.cluster.http_proxy import HttpProxy
from web.cluster.membership import Membership
from web.config import Settings
from web.context import ServiceContext
from web.session_record import SessionRecord

logger = logging.getLogger(__name__)

REPORTS = 5  # in the time after which an edge without one counts as gone


class Edge:
    """What the service does in a cluster beside serving its own sessions."""

    def __init__(self, context: ServiceContext, membership: Membership) -> None:
        self.context = replace(context, cluster=self)
        self.membership = membership
        self.proxy = HttpProxy()
        self.id = membership.id

    async def share_secret(self, secret: ClientSecret) -> None:
        """Let every edge accept `secret`."""
        lifetime = secret.expires - self.context.clock.now()
        shared = SharedSecret(
            secret.value,
            secret.owner,
            secret.session,
            lifetime,
            key=None if secret.key is None else secret.key.digest,
            scopes=tuple(secret.scopes),
            watches=secret.watches,
        )
        await self.membership.share_secret(shared, lifetime)

    async def learn_secret(self, value: str) -> None:
        """Learn a client secret that another edge has created, if `value` is one."""
        keys = self.context.doorkeeper.keys
        if keys.knows(value):
            return
        found = await self.membership.secret(value)
        if found is not None:
            shared, lifetime = found
            expires = self.context.clock.now() + lifetime
            scopes = frozenset(KeyScope(each) for each in shared.scopes)
            secret = ClientSecret(
                shared.value,
                shared.owner,
                expires,
                shared.session,
                scopes=scopes,
                watches=shared.watches,
            )
            keys.add(secret, shared.key)

    async def add(self, record: SessionRecord) -> None:
        """Let other edges know of a session that started here."""
        await self.membership.add(record.id)

    async def remove(self, record: SessionRecord) -> None:
        """Let them forget a session that ended here."""
        await self.membership.remove(record.id)

    async def leave(self) -> None:
        """Leave the cluster, before the service ends."""
        await self.membership.leave()

    def description(self) -> Mapping[str, Any]:
        """Return what /health says of the cluster."""
        others = self.membership.others
        return {
            "edge": self.membership.id,
            "registry": self.membership.reachable,
            "edges": [self.membership.url, *(each.url for each in others)],
        }

    async def url_of(self, session: str) -> str | None:
        """Return the URL of the edge that has `session`, None if it is this one, or none."""
        if self.context.sessions.find(session, Caller()) is not None:
            return None
        location = await self.membership.locate(session)
        if location is None or location.url == self.membership.url:
            return None
        return location.url

    async def place(self) -> str | None:
        """Return the URL of the edge for a new session, None if it is this one."""
        chosen = await self.membership.place()
        return None if chosen is None else chosen.url


@asynccontextmanager
async def joined(
    context: ServiceContext, listening: tuple[str, int]
) -> AsyncIterator[ServiceContext]:
    """Yield `context` as an edge of its cluster; it listens on the host and port `listening`.

    Raises:
        ClusterUsageError: there is no such cluster.
    """
    settings = context.settings
    assert settings.cluster is not None
    loop = asyncio.get_running_loop()
    node = await loop.run_in_executor(None, join, settings.cluster, settings.cluster_node)
    membership = Membership(
        advertised_url(settings, listening),
        node,
        context.sessions,
        ActorClient(
            lambda: find_registry(settings.cluster_timeout, settings.resume_timeout),
            "the registry of the cluster",
        ),
        context.clock,
        settings.cluster_timeout / REPORTS,
    )
    edge = Edge(context, membership)
    await membership.report()
    reporting = context.tasks.create_task(membership.run(), name="report to the cluster")
    logger.info("edge %s of the cluster at %s", membership.id, settings.cluster)
    try:
        yield edge.context
    finally:
        reporting.cancel()
        await edge.proxy.close()


def advertised_url(settings: Settings, listening: tuple[str, int]) -> str:
    """Return where other edges reach this one."""
    if settings.cluster_url is not None:
        return settings.cluster_url
    host, port = listening
    if host in ("0.0.0.0", "::"):
        import ray

        host = str(ray.util.get_node_ip_address())
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def edge_of(service: FastAPI) -> Edge:
    """Return the edge that `service` is, once it has started."""
    edge = service.state.context.cluster
    assert isinstance(edge, Edge)
    return edge
