"""How one session leaves this edge, and how what another has left comes here."""

from functools import partial
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from web.cluster.carrier import Carrier
from web.cluster.errors import ClusterError
from web.cluster.membership import Membership
from web.cluster.transfer import fetch_files
from web.realtime.carrying import new_record
from web.realtime.resumable_session import ResumableSession

if TYPE_CHECKING:  # the edge uses these
    from web.cluster.edge import Edge


async def hand_over(carrier: Carrier, membership: Membership) -> None:
    """Let another edge take a session, which says nothing to its client here any more.

    The client's connection ends, and it comes back to another edge. Here the session is not known
    from then on, so that nobody is told that it is over.
    """
    session = carrier.record.live
    if not isinstance(session, ResumableSession):
        return
    await session.delivery.end()
    await carrier.sync()
    await membership.release(carrier.record.id)
    membership.sessions.forget(carrier.record)
    await session.move_away()


async def end_here(session: ResumableSession[Any]) -> None:
    """End a session that another edge has."""
    await session.delivery.end()
    await session.move_away()


async def fetched(edge: "Edge", session: str, node: str) -> tuple[dict[str, bytes], float] | None:
    """Return the parts of a session that the keeper on `node` has, and how old they are in seconds.

    Its memory is in its folder then. Return None if the keeper does not have it.

    Raises:
        ClusterError: the keeper does not answer; what it has stays as it is.
        OSError: the memory cannot be written here.
    """
    keeper, clock = edge.keepers.on(node), edge.context.clock
    began = clock.now()
    found = await keeper.call("parts", session)
    if found is None:
        return None
    parts, age = found
    folder = edge.memory_folder(new_record(session, parts))
    await edge.worker.run(partial(folder.mkdir, parents=True, exist_ok=True))
    try:
        await fetch_files(keeper, session, folder, edge.worker)
    except (ClusterError, OSError):
        await edge.worker.run(rmtree, folder, ignore_errors=True)
        raise
    return parts, age + clock.now() - began
