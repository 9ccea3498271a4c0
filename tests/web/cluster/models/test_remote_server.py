"""Streams that workers step: as one that a thread steps, whichever workers are lost."""

import asyncio
import pickle
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.servers.backlog import ShedError
from media.servers.device import Device
from models.streaming import run
from tests.media.servers.running_sum import RunningSum
from tests.web.cluster.models.here import (
    NAME,
    HereWorker,
    fetch,
    heard,
    pool_of,
    sum_server,
)
from tests.web.cluster.models.still_clock import StillClock
from web.cluster.models import worker as worker_module
from web.cluster.models.pool import WorkerPool
from web.cluster.models.remote_server import RemoteServer


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device("worker", slots=2)
    yield device
    device.close()


def remote(device: Device, pool: WorkerPool) -> RemoteServer[int, int]:
    return RemoteServer(NAME, sum_server(device), pool, fetch)


class Summed(RunningSum):
    """Streams without an end of their own."""

    def flush(self, state: int) -> Sequence[int]:
        return []


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=12),
    deaths=st.lists(st.integers(0, 12), max_size=3),
    after=st.sampled_from([0.0, 1e9]),
)
def test_outputs_are_those_of_a_thread_whatever_workers_are_lost(
    device: Device, steps: list[tuple[int, int]], deaths: list[int], after: float
) -> None:
    """Against `models.streaming.run`; with a checkpoint after each step, and with none."""

    async def stepped() -> list[list[int]]:
        workers = [HereWorker(device) for _ in range(3)]
        server = remote(device, await pool_of(StillClock(), *workers))
        handles = [await server.open() for _ in range(3)]
        outputs: list[list[int]] = [[], [], []]
        for number, (stream, chunk) in enumerate(steps):
            for _ in range(deaths.count(number)):
                next((each for each in workers if not each.dead), workers[0]).dead = True
            outputs[stream] += await handles[stream].step(chunk)
        return outputs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_module, "CHECKPOINT_AFTER", after)
        outputs = asyncio.run(stepped())
    for stream in range(3):
        chunks = [chunk for which, chunk in steps if which == stream]
        assert outputs[stream] == list(run(Summed(), chunks))


async def test_streams_whose_states_cannot_be_sent_come_back_and_keep_no_chunks(
    device: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(state: object, protocol: int) -> bytes:
        raise TypeError("cannot pickle a lock")

    monkeypatch.setattr(worker_module, "CHECKPOINT_AFTER", 0.0)
    unsendable = SimpleNamespace(dumps=refuse, PicklingError=pickle.PicklingError)
    monkeypatch.setattr(worker_module, "pickle", unsendable)
    worker = HereWorker(device)
    server = remote(device, await pool_of(StillClock(), worker))
    for _ in range(2):
        handle = await server.open()
        outputs: list[int] = []
        for chunk in range(20):
            outputs += await handle.step(chunk)
            assert not handle.state().chunks
        assert outputs == list(run(Summed(), range(20)))
        assert handle.state().here is not None
    assert sum("cannot be sent" in each for each in caplog.messages) == 1, "said once"


async def test_a_worker_that_does_not_answer_is_left_and_the_call_made_elsewhere(
    device: Device,
) -> None:
    clock, workers = StillClock(), [HereWorker(device), HereWorker(device)]
    pool = await pool_of(clock, *workers)
    server = remote(device, pool)
    handle = await server.open()
    assert await handle.step(1) == (1,)
    [busy] = [each for each in workers if each.calls]
    [other] = [each for each in workers if each is not busy]
    busy.deaf = True
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(handle.step(2))
        await asyncio.sleep(0)
        clock.time += 1.0
        await heard(pool)
        assert not waiting.done()
        clock.time += 1.0
        pool.check()
    assert waiting.result() == (3,)
    assert other.calls[-1].chunks == (1, 2), "what it had computed is computed again"
    await pool.update()
    await heard(pool)
    assert await server.run(5) == (5,)
    assert len(busy.calls) == 2, "one that does not answer gets nothing, although it is known"


async def test_without_a_worker_this_machine_goes_on(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "CHECKPOINT_AFTER", 0.0)
    worker = HereWorker(device)
    server = remote(device, await pool_of(StillClock(), worker))
    handle = await server.open()
    assert [await handle.step(number) for number in (1, 2)] == [(1,), (3,)]
    worker.dead = True
    assert list(await handle.step(3)) == [6]
    assert list(await handle.step(4)) == [10]
    assert list(await server.run(7)) == [7]


async def test_what_fails_at_a_worker_fails_here_and_the_stream_is_as_before(
    device: Device,
) -> None:
    server = remote(device, await pool_of(StillClock(), HereWorker(device)))
    handle = await server.open()
    await handle.step(1)
    with pytest.raises(ValueError, match="-1 is negative"):
        await handle.step(-1)
    with pytest.raises(ShedError):
        await handle.step(5, max_wait=-1.0)
    assert await handle.step(2) == (3,)
    assert server.queue.stats.jobs == 2, "it is measured here"


async def test_a_worker_that_has_dropped_a_stream_is_told_it_again(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAX_STREAMS", 1)
    worker = HereWorker(device)
    server = remote(device, await pool_of(StillClock(), worker))
    first, second = await server.open(), await server.open()
    outputs: list[Any] = []
    for number in (1, 2, 3):
        for handle in (first, second):
            outputs += await handle.step(number)
    assert outputs == [1, 1, 3, 3, 6, 6]
    dropped = len(worker.closed)
    await second.close()
    assert len(worker.closed) == dropped + 1
    first.restart()
    assert await first.step(7) == (7,)


async def test_a_stream_that_nobody_steps_any_more_leaves_its_worker(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAX_IDLE", -1.0)
    worker = HereWorker(device)
    pool = await pool_of(StillClock(), worker)
    handle = await remote(device, pool).open()
    assert await handle.step(1) == (1,)
    await heard(pool)
    assert not worker.worker._streams
    assert await handle.step(2) == (3,), "it is known here"


async def test_each_who_asks_hears_how_busy_a_worker_was_in_the_last_seconds(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(worker_module, "monotonic", lambda: now)
    worker = HereWorker(device).worker
    stats = worker._servers[NAME].queue.stats
    for _ in range(20):
        now += 1.0
        stats.busy += 0.5
        loads = [await worker.load() for _ in range(3)]
        assert [each.busy for each in loads] == [0.5] * 3
    now += 5.0
    assert [(await worker.load()).busy for _ in range(2)] == [0.0, 0.0]
