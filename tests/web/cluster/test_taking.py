"""A session whose edge is gone goes on at the first edge that is asked for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from media.worker import Worker
from tests.web.cluster.models.still_clock import StillClock
from tests.web.cluster.test_shared_access import HereEdge, HereRegistry
from tests.web.cluster.test_transfer import HereKeeper
from tests.web.served import scripted_models
from web.access.auth import Caller
from web.app import create_app
from web.cluster.actors import Keepers
from web.cluster.edge import Edge
from web.cluster.keeper import Keeper
from web.config import Settings
from web.context import ServiceContext
from web.problems import ProblemError
from web.protocol.protocol import RealtimeProtocol
from web.realtime.carrying import carried_values, encoded
from web.realtime.websocket_session import WebSocketSession
from web.sessions.record import SessionRecord

SESSION = "sess_0123456789abcdef"


@asynccontextmanager
async def orphan(tmp_path: Path) -> AsyncIterator[tuple[Edge, HereRegistry, HereKeeper]]:
    """An edge, and the keeper on another node that has all of a session whose edge is gone."""
    registry, clock = HereRegistry(), StillClock()
    before, beside = HereEdge(registry, "gone", clock), HereEdge(registry, "beside", clock)
    keeper = HereKeeper(Keeper(tmp_path / "kept", patience=60.0))
    with scripted_models() as models:
        app = create_app(Settings(memory_folder=tmp_path), models)
        async with app.router.lifespan_context(app):
            context: ServiceContext = app.state.context
            membership = HereEdge(registry, "here", clock).membership
            worker = Worker("memories")
            edge = Edge(context, membership, tmp_path / "memories", worker)
            edge.keepers = cast("Keepers", SimpleNamespace(on=lambda node: keeper))
            for each in (before.membership, beside.membership, membership):
                await each.report()
            await before.membership.add(SESSION)
            assert await before.membership.choose_keeper(SESSION, frozenset({"here"})) == "beside"
            await keeper.call("keep", SESSION, await parts(context), [], True)
            await before.membership.release(SESSION)
            await before.membership.leave()
            await membership.report()
            yield edge, registry, keeper
            context.close()
            worker.close()


async def parts(context: ServiceContext) -> dict[str, bytes]:
    """Return what is kept of a session that has just begun."""
    protocol = RealtimeProtocol(SESSION, context.capabilities)
    session = WebSocketSession(context, SessionRecord(SESSION, "websocket", 0.0), protocol)
    values = await carried_values(session)
    return {name: encoded(name, value) for name, value in values.items()}


async def test_it_is_free_again_if_its_keeper_does_not_answer_and_the_next_request_takes_it(
    tmp_path: Path,
) -> None:
    async with orphan(tmp_path) as (edge, registry, keeper):
        keeper.cut = keeper.count + 1
        with pytest.raises(ProblemError) as refused:
            await edge.url_of(SESSION)
        assert (refused.value.status, refused.value.code) == (503, "cluster_unreachable")
        assert int(refused.value.headers["Retry-After"]) > 0
        location = await registry.call("locate", SESSION)
        assert (location.url, location.keeper) == (None, "beside")
        assert await edge.url_of(SESSION) is None
        assert edge.context.sessions.get(SESSION, Caller()).moves == 1
        assert (await registry.call("locate", SESSION)).url == "http://here"


async def test_half_of_a_memory_is_deleted_when_its_keeper_goes_silent(tmp_path: Path) -> None:
    async with orphan(tmp_path) as (edge, _, keeper):
        keeper.cut = keeper.count + 2  # the list of files
        with pytest.raises(ProblemError):
            await edge.url_of(SESSION)
        assert not list((tmp_path / "memories").iterdir())


async def test_it_is_lost_if_its_keeper_is_gone_with_its_machine(tmp_path: Path) -> None:
    async with orphan(tmp_path) as (edge, registry, keeper):
        (beside,) = edge.membership.others
        await registry.call("leave", beside.id)
        await edge.membership.report()
        keeper.cut = keeper.count + 1
        assert await edge.url_of(SESSION) is None
        assert edge.context.sessions.find(SESSION, Caller()) is None
        assert await registry.call("locate", SESSION) is None
