"""The memory of a session on its way to a keeper and from it: in order, bounded, and cut."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from media.worker import Worker
from tests.web.cluster.test_mirror import contents
from web.cluster import mirror, transfer
from web.cluster.actors import ActorClient
from web.cluster.errors import ClusterError
from web.cluster.keeper import Keeper
from web.cluster.mirror import changes, file_marks
from web.cluster.transfer import IN_FLIGHT, fetch_files, send_files

SESSION = "sess_0123456789abcdef"
CHUNK = 64  # bytes here
SIZES = {"segment": 20 * CHUNK, "sub/log": 3 * CHUNK + 5, "index": 7, "empty": 0}


class HereKeeper:
    """Calls a keeper in this process; call number `cut` fails, as a machine does that ends."""

    about = "the keeper"

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.cut = -1
        self.count, self.running, self.most = 0, 0, 0
        self.full: asyncio.Event | None = None  # what pieces wait for: as many as may be under way

    async def call(self, method: str, *arguments: Any, within: float = 0.0) -> Any:
        del within
        self.count += 1
        number = self.count
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.full and method in ("read", "mirror"):
                if self.running == IN_FLIGHT:  # this one waits too, so that all go on in order
                    asyncio.get_running_loop().call_soon(self.full.set)
                await self.full.wait()
            for _ in range(2 * IN_FLIGHT):
                await asyncio.sleep(0)  # as others are under way
            if number == self.cut:
                raise ClusterError("it does not answer")
            return getattr(self.keeper, method)(*arguments)
        finally:
            self.running -= 1


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(mirror, "CHUNK", CHUNK)
    monkeypatch.setattr(transfer, "CHUNK", CHUNK)
    monkeypatch.setattr(transfer, "BATCH", CHUNK)
    monkeypatch.setattr("web.cluster.keeper.CHUNK", CHUNK)
    worker = Worker("transfer")
    yield worker
    worker.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name, size in SIZES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
    return folder


def keeper(tmp_path: Path) -> HereKeeper:
    found = HereKeeper(Keeper(tmp_path, 60.0))
    assert found.keeper.keep(SESSION, {}, [], first=True)
    return found


async def sent(to: HereKeeper, source: Path, worker: Worker) -> None:
    pieces = changes(source, {}, file_marks(source))
    await send_files(cast("ActorClient", to), SESSION, pieces, worker)


async def fetched(of: HereKeeper, target: Path, worker: Worker) -> dict[str, bytes]:
    await fetch_files(cast("ActorClient", of), SESSION, target, worker)
    return contents(target)


async def test_a_memory_is_the_same_there_and_back_with_a_few_calls_under_way(
    tmp_path: Path, source: Path, worker: Worker
) -> None:
    there = keeper(tmp_path)
    there.full = asyncio.Event()
    await sent(there, source, worker)
    assert there.most == IN_FLIGHT
    there.most, there.full = 0, asyncio.Event()
    assert await fetched(there, tmp_path / "back", worker) == contents(source)
    assert there.most == IN_FLIGHT


@pytest.mark.parametrize("cut", [1, 2, 11, 20])
async def test_a_cut_in_the_middle_leaves_what_is_there_as_it_was(
    tmp_path: Path, source: Path, worker: Worker, cut: int
) -> None:
    before = contents(source)
    lost = keeper(tmp_path)
    lost.cut = cut
    with pytest.raises(ClusterError, match="does not answer"):
        await sent(lost, source, worker)
    assert lost.running == 0, "nothing is under way any more"
    assert contents(source) == before
    there = keeper(tmp_path)
    await sent(there, source, worker)
    there.count, there.cut = 0, cut
    with pytest.raises(ClusterError, match="does not answer"):
        await fetched(there, tmp_path / "back", worker)
    assert there.running == 0
    assert await fetched(there, tmp_path / "back", worker) == before


async def test_a_keeper_that_has_started_anew_is_sent_nothing_more(
    tmp_path: Path, source: Path, worker: Worker
) -> None:
    anew = HereKeeper(Keeper(tmp_path, 60.0))
    with pytest.raises(ClusterError, match="has started anew"):
        await sent(anew, source, worker)
    assert anew.count <= 2 * IN_FLIGHT
