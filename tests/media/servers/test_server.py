import asyncio
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.servers.device import JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from tests.media.servers.running_sum import BatchedSum, RunningSum
from tests.media.stepped import SteppedClock, SteppedDevice

Speaker = tuple[float, list[int]]  # when a stream begins, and its numbers


async def served(
    model: RunningSum, streams: list[Speaker], *, slots: int
) -> tuple[list[list[int]], SteppedDevice]:
    """Return the outputs of each stream, and the device; a step takes a second."""
    clock = SteppedClock()
    device = SteppedDevice(clock, lambda _: 1.0, slots=slots)
    server = ModelServer(model, JobQueue(device, "sums", parallel=slots), Urgency.TURNS)
    outputs: list[list[int]] = [[] for _ in streams]

    async def speak(number: int, start: float, chunks: list[int]) -> None:
        await clock.sleep_until(start)
        handle = await server.open()
        for chunk in chunks:
            outputs[number] += await handle.step(chunk)

    async with asyncio.TaskGroup() as tasks:
        for number, (start, chunks) in enumerate(streams):
            tasks.create_task(speak(number, start, chunks))
        await clock.go(1000.0)
    return outputs, device


@given(
    streams=st.lists(
        st.tuples(st.floats(0, 5), st.lists(st.integers(0, 9), max_size=5)), max_size=6
    ),
    slots=st.integers(1, 2),
)
async def test_batched_or_not_each_stream_gets_what_it_gets_alone(
    streams: list[Speaker], slots: int
) -> None:
    alone = [list(accumulate(chunks)) for _, chunks in streams]
    model = BatchedSum()
    batched, device = await served(model, streams, slots=slots)
    one_by_one, _ = await served(RunningSum(), streams, slots=slots)
    assert batched == one_by_one == alone
    assert all(count <= model.max_batch for _, count in device.batches)


async def test_what_waits_at_the_same_time_is_one_batch() -> None:
    model = BatchedSum()
    streams: list[Speaker] = [(0.0, [1, 1]), *((0.5, [n, n]) for n in (2, 3, 4, 5))]
    _, device = await served(model, streams, slots=1)
    assert [count for _, count in device.batches] == [1, 3, 2, 3, 1]
    assert model.batches == [[2, 3, 4], [5, 1], [2, 3, 4]]


async def test_a_stream_that_fails_in_a_batch_fails_alone() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 1.0), "sums")
    server = ModelServer(BatchedSum(), queue, Urgency.TURNS)
    handles = [await server.open() for _ in range(3)]
    tasks = [asyncio.get_running_loop().create_task(handles[0].step(1))]
    await clock.go(0.5)
    tasks += [
        asyncio.get_running_loop().create_task(handle.step(chunk))
        for handle, chunk in zip(handles[1:], (2, -1), strict=True)
    ]
    await clock.go(9.0)
    assert [await tasks[0], await tasks[1]] == [[1], [2]]
    with pytest.raises(ValueError, match="-1 is negative"):
        await tasks[2]
    assert queue.stats.failed == 1
    again = asyncio.get_running_loop().create_task(handles[2].step(5))
    await clock.go(20.0)
    assert await again == [5]  # its state is still valid


async def test_a_restarted_stream_begins_again() -> None:
    clock = SteppedClock()
    server = ModelServer(
        RunningSum(), JobQueue(SteppedDevice(clock, lambda _: 0.0), "sums"), Urgency.TURNS
    )
    handle = await server.open()
    assert await handle.step(3) == [3]
    assert await handle.step(3) == [6]
    handle.restart()
    assert await handle.step(4) == [4]
