import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from media.servers.backlog import ShedError
from media.servers.device import Device, JobQueue
from media.servers.gathering_server import GatheringServer
from media.servers.queued_engine import QueuedEngine, RunsAsJobs, run_as_job
from media.servers.server import ModelHandle
from media.servers.urgency import Urgency
from media.worker import Worker
from models.engine import Engine, TorchEngine
from models.errors import EngineError
from tests.media.servers.attending import Attended, AttendingModel, BrokenEngine
from tests.media.stepped import SteppedClock, SteppedDevice, SteppedWorker
from tests.trt_engines.tiny_network import TinyAttention

Talk = tuple[float, list[list[float]]]  # when a stream begins, and its chunks
ROUNDING = 1e-3  # of a sum of 64 numbers up to about 10
TOGETHER = 4


def alone(chunks: Sequence[Sequence[float]]) -> list[float]:
    """Return the outputs of a stream, one run after the other: the plain reference."""
    model = AttendingModel(TorchEngine(TinyAttention()))
    state, outputs = model.init_state(), list[float]()
    for chunk in chunks:
        state, made = model.step(state, chunk)
        outputs += made
    return outputs


async def served(talks: Sequence[Talk], *, slots: int) -> tuple[list[list[float]], SteppedDevice]:
    """Return the outputs of each stream, and the device; each run takes a second."""
    clock = SteppedClock()
    device = SteppedDevice(clock, lambda _: 1.0, slots=slots)
    queue = JobQueue(device, "runs", parallel=slots)
    threads = SteppedWorker(clock, threads=len(talks) + 1)
    model = AttendingModel(QueuedEngine(TorchEngine(TinyAttention()), together=TOGETHER))
    server = GatheringServer(model, queue, Urgency.INTERIM_CAPTION, threads)
    outputs: list[list[float]] = [[] for _ in talks]

    async def speak(number: int, start: float, chunks: list[list[float]]) -> None:
        await clock.sleep_until(start)
        handle = await server.open()
        for chunk in chunks:
            outputs[number] += await handle.step(chunk)

    async with asyncio.TaskGroup() as tasks:
        for number, (start, chunks) in enumerate(talks):
            tasks.create_task(speak(number, start, chunks))
        await clock.go(1000.0)
    threads.close()
    return outputs, device


@pytest.mark.slow
@hypothesis_settings(max_examples=15)
@given(
    talks=st.lists(
        st.tuples(
            st.floats(0, 5),
            st.lists(st.lists(st.floats(-1, 1), max_size=4), max_size=3),
        ),
        max_size=6,
    ),
    slots=st.integers(1, 2),
)
async def test_whenever_streams_come_each_gets_what_it_gets_alone(
    talks: list[Talk], slots: int
) -> None:
    outputs, device = await served(talks, slots=slots)
    for made, (_, chunks) in zip(outputs, talks, strict=True):
        assert made == pytest.approx(alone(chunks), abs=ROUNDING)
    assert all(count <= TOGETHER for _, count in device.batches)


async def test_streams_join_and_leave_between_two_runs() -> None:
    talks: list[Talk] = [(0.0, [[0.1] * 4]), (0.5, [[0.2] * 2]), (1.5, [[0.3]] * 2), (1.5, [[0.4]])]
    _, device = await served(talks, slots=1)
    # In the third second the first stream goes on together with two that came, one of which stays.
    assert [count for _, count in device.batches] == [1, 1, 3, 1, 2, 1]


async def test_a_step_whose_first_run_waited_for_too_long_is_shed_and_can_come_again() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 2.0), "runs")
    threads = SteppedWorker(clock, threads=2)
    engine: Engine = QueuedEngine(TorchEngine(TinyAttention()))
    server = GatheringServer(AttendingModel(engine), queue, Urgency.INTERIM_CAPTION, threads)
    late, other = await server.open(), await server.open()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(other.step([0.5, 0.5]))
        await clock.go(0.5)
        shed = tasks.create_task(is_shed(late))
        await clock.go(10.0)
        again = tasks.create_task(late.step([0.3]))
        await clock.go(20.0)
    threads.close()
    assert await shed
    assert await first == pytest.approx(alone([[0.5, 0.5]]), abs=ROUNDING)
    assert await again == pytest.approx(alone([[0.3]]), abs=ROUNDING)


async def is_shed(
    handle: ModelHandle[Attended, Sequence[float], float],
) -> bool:
    with pytest.raises(ShedError):
        await handle.step([0.9], max_wait=1.0)
    return True


async def test_a_stream_that_fails_fails_alone() -> None:
    device, threads = Device("test", slots=1), Worker("test", threads=3)
    queue = JobQueue(device, "runs")
    engine = QueuedEngine(BrokenEngine(TinyAttention()), together=TOGETHER)
    server = GatheringServer(AttendingModel(engine), queue, Urgency.TURNS, threads)
    good, bad = await server.open(), await server.open()

    async def too_large() -> None:
        with pytest.raises(EngineError, match="too large"):
            await bad.step([0.1, 2.0])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(too_large())
        kept = tasks.create_task(good.step([0.1] * 20))
    threads.close()
    device.close()
    assert await kept == pytest.approx(alone([[0.1] * 20]), abs=ROUNDING)


def test_outside_of_a_block_a_network_runs_on_the_thread_that_calls_it() -> None:
    engine = QueuedEngine(TorchEngine(TinyAttention()))
    _, outputs = AttendingModel(engine).step(AttendingModel(engine).init_state(), [0.1, 0.2])
    assert outputs == pytest.approx(alone([[0.1, 0.2]]), abs=ROUNDING)


async def test_a_thread_that_waits_for_a_device_that_closes_gets_an_error() -> None:
    device, threads = Device("test", slots=1), Worker("test", threads=1)
    queue = JobQueue(device, "files")
    device.close()

    def work() -> int:
        with RunsAsJobs(queue, Urgency.FILE):
            return run_as_job(lambda: 1)

    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(work)
    threads.close()
