import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from media.servers.backlog import Computation, ShedError
from media.servers.device import Device, JobQueue
from media.servers.urgency import SPEECH, Urgency
from tests.media.stepped import SteppedClock, SteppedDevice


async def test_the_most_urgent_job_runs_next_the_oldest_first() -> None:
    clock = SteppedClock()
    device = SteppedDevice(clock, lambda _: 1.0)
    looks, captions = JobQueue(device, "looks"), JobQueue(device, "captions")
    ran: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for queue, urgency, name in (
            (looks, Urgency.LOOK, "running"),
            (looks, Urgency.LOOK, "look"),
            (captions, Urgency.INTERIM_CAPTION, "interim 1"),
            (captions, Urgency.INTERIM_CAPTION, "interim 2"),
            (looks, Urgency.ANSWER, "answer"),
            (captions, Urgency.FINAL_CAPTION, "final"),
        ):
            tasks.create_task(queue.run(lambda name=name: ran.append(name), urgency))  # type: ignore[misc]
            await clock.go(clock.now() + 0.01)
        await clock.go(100.0)
    assert ran == ["running", "final", "answer", "interim 1", "interim 2", "look"]


async def test_a_model_that_takes_one_batch_at_a_time_leaves_the_other_slot_to_others() -> None:
    clock = SteppedClock()
    device = SteppedDevice(clock, lambda _: 1.0, slots=2)
    looks, captions = JobQueue(device, "looks"), JobQueue(device, "captions", parallel=2)
    ended: list[tuple[str, float]] = []

    async def job(queue: JobQueue, urgency: Urgency) -> None:
        await queue.run(lambda: None, urgency)
        ended.append((queue.name, clock.now()))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(job(looks, Urgency.FINAL_CAPTION))
        tasks.create_task(job(captions, Urgency.GENERATION))
        await clock.go(100.0)
    assert ended == [("looks", 1.0), ("captions", 1.0), ("looks", 2.0), ("looks", 3.0)]


async def test_a_job_that_waited_for_too_long_is_shed_and_counted() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 2.0), "looks")
    ran: list[int] = []
    tasks = [
        asyncio.get_running_loop().create_task(
            queue.run(lambda n=n: ran.append(n), Urgency.LOOK, max_wait=wait)  # type: ignore[misc]
        )
        for n, wait in enumerate((1.0, 1.0, 3.0))
    ]
    await clock.go(10.0)
    assert ran == [0, 2]
    with pytest.raises(ShedError, match="looks: not run after 2"):
        await tasks[1]
    assert (queue.stats.jobs, queue.stats.shed) == (2, 1)


async def test_what_was_shed_keeps_its_place_when_it_comes_again() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 2.0), "captions")
    ran: list[str] = []

    def keep(items: Sequence[str]) -> list[int]:
        ran.extend(items)
        return [0] * len(items)

    async def insistent() -> None:
        with pytest.raises(ShedError):
            await queue.run(lambda: ran.append("stale"), Urgency.INTERIM_CAPTION, max_wait=1.0)
        await queue.submit(Computation(keep), "fresh", Urgency.INTERIM_CAPTION, since=0.1)

    def note(name: str) -> Callable[[], None]:
        return lambda: ran.append(name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(lambda: None, Urgency.INTERIM_CAPTION))
        await clock.go(0.1)
        tasks.create_task(insistent())
        for name in ("second", "third"):
            await clock.go(clock.now() + 0.1)
            tasks.create_task(queue.run(note(name), Urgency.INTERIM_CAPTION))
        await clock.go(100.0)
    assert ran == ["second", "fresh", "third"]
    waits = (0, 1.9, 1.8, 3.9, 5.7)  # the second of what was shed, the last two after 4 and 6 s
    assert queue.mean_wait(SPEECH, 200.0) == pytest.approx(sum(waits) / len(waits))


async def test_a_job_that_nobody_waits_for_any_more_is_not_run() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 1.0), "looks")
    ran: list[int] = []
    tasks = [
        asyncio.get_running_loop().create_task(queue.run(lambda n=n: ran.append(n), Urgency.LOOK))  # type: ignore[misc]
        for n in range(3)
    ]
    await clock.go(0.5)
    tasks[1].cancel()
    await clock.go(10.0)
    assert ran == [0, 2]
    assert queue.stats.cancelled == 1


async def test_queue_time_run_time_and_batches_are_measured() -> None:
    clock = SteppedClock()
    queue = JobQueue(SteppedDevice(clock, lambda _: 2.0), "looks")
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(queue.run(lambda: None, Urgency.LOOK))
        await clock.go(0.5)
        assert queue.snapshot()["waiting"] == 2
        assert queue.snapshot()["oldest"] == 0.5
        await clock.go(10.0)
    found = queue.snapshot()
    assert (found["jobs"], found["batch"], found["busy"]) == (3, 1.0, 6.0)
    assert (found["queue_p50"], found["run_p50"], found["run_p95"]) == (2.0, 2.0, 2.0)
    assert queue.mean_wait(frozenset({Urgency.LOOK}), 10.1) == 2.0
    assert queue.mean_wait(frozenset({Urgency.LOOK}), 7.0) == 4.0  # of the last one
    assert queue.mean_wait(frozenset({Urgency.ANSWER}), 10.0) == 0.0


async def test_an_answer_need_not_wait_for_a_slot() -> None:
    device = Device("test", slots=1, urgent=1)
    slow, answers = JobQueue(device, "captions", parallel=3), JobQueue(device, "answers")
    answered, ran = threading.Event(), list[str]()

    def caption() -> None:
        assert answered.wait(60)
        ran.append("caption")

    def answer() -> None:
        ran.append("answer")
        answered.set()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):  # the second one waits for the first
            tasks.create_task(slow.run(caption, Urgency.INTERIM_CAPTION))
        tasks.create_task(answers.run(answer, Urgency.ANSWER))
    assert ran == ["answer", "caption", "caption"]
    device.close()


async def test_threads_run_as_many_jobs_at_once_as_there_are_slots() -> None:
    device = Device("test", slots=2)
    queue = JobQueue(device, "jobs", parallel=3)
    together = threading.Barrier(2, timeout=60)  # breaks if one runs alone
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(queue.run(together.wait, Urgency.LOOK))
    assert queue.stats.jobs == 4
    device.close()


async def test_results_and_errors_come_from_the_threads() -> None:
    device = Device("test", slots=1)
    queue = JobQueue(device, "jobs")
    assert await queue.run(lambda: threading.current_thread().name, Urgency.LOOK) == "test"
    with pytest.raises(ZeroDivisionError):
        await queue.run(lambda: 1 // 0, Urgency.LOOK)
    device.close()
    with pytest.raises(RuntimeError, match="closed"):
        await queue.run(lambda: None, Urgency.LOOK)


async def test_closing_waits_for_what_runs_and_drops_what_waits() -> None:
    device = Device("test", slots=1)
    queue = JobQueue(device, "jobs")
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        may_end.wait(60)
        ended.set()

    running = asyncio.get_running_loop().create_task(queue.run(slow, Urgency.LOOK))
    waiting = asyncio.get_running_loop().create_task(queue.run(lambda: None, Urgency.LOOK))
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, started.wait, 60)
    closing = loop.run_in_executor(None, device.close)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not ended.is_set()
    may_end.set()
    await closing
    await running
    assert ended.is_set()
