"""Moves the memory of a session to or from a keeper: pieces are read, sent and written at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from media.worker import Worker
from web.cluster.actors import CALL_TIMEOUT, ActorClient
from web.cluster.errors import ClusterError
from web.cluster.mirror import CHUNK, FilePiece, apply

IN_FLIGHT = 4  # calls, each with `CHUNK` bytes or `BATCH`: what both machines have in memory
BATCH = 4 << 20  # bytes of memory in one call
PIECE_TIMEOUT = IN_FLIGHT * CALL_TIMEOUT  # seconds: a piece is answered behind the others

T = TypeVar("T")


async def fetch_files(keeper: ActorClient, session: str, folder: Path, worker: Worker) -> None:
    """Copy the memory that `keeper` has to `folder`: pieces are read, sent and written at once.

    Raises:
        ClusterError: the keeper does not answer.
        OSError: a piece cannot be written.
    """
    marks = await keeper.call("files", session)

    async def pieces() -> AsyncIterator[Coroutine[Any, Any, FilePiece]]:
        for name, mark in marks.items():
            for offset in range(0, max(1, mark.size), CHUNK):
                yield keeper.call("read", session, name, offset, within=PIECE_TIMEOUT)

    async def write(piece: FilePiece) -> None:
        await worker.run(apply, folder, piece)

    await pipelined(pieces(), write)


async def send_files(
    keeper: ActorClient, session: str, pieces: Iterator[FilePiece], worker: Worker
) -> None:
    """Have `keeper` change its copy of a memory by `pieces`, as `fetch_files` copies them.

    Raises:
        ClusterError: the keeper does not answer, or knows nothing of the session.
        OSError: a piece cannot be read, or written there.
    """

    async def batches() -> AsyncIterator[Coroutine[Any, Any, bool]]:
        while batch := await worker.run(_batch, pieces):
            yield keeper.call("mirror", session, batch, within=PIECE_TIMEOUT)

    async def check(known: bool) -> None:
        if not known:
            raise ClusterError(f"{keeper.about} has started anew")

    await pipelined(batches(), check)


def _batch(pieces: Iterator[FilePiece]) -> list[FilePiece]:
    """Take the next pieces, of some megabytes."""
    taken: list[FilePiece] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece.data or b"")
        if size >= BATCH:
            break
    return taken


async def pipelined(
    calls: AsyncIterator[Coroutine[Any, Any, T]],
    take: Callable[[T], Awaitable[None]],
    *,
    in_flight: int = IN_FLIGHT,
) -> None:
    """Await `calls` at most `in_flight` at once, and give what they return to `take`, in order.

    Raises:
        Exception: the error of what failed first; calls that are under way are cancelled.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            waiting: deque[asyncio.Task[T]] = deque()
            async for call in calls:
                waiting.append(tasks.create_task(call, name="piece"))
                if len(waiting) >= in_flight:
                    await take(await waiting.popleft())
            while waiting:
                await take(await waiting.popleft())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
