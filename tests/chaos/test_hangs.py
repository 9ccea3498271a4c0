"""A computation that does not end: it is given up, its user is told, and others go on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
import websockets

from media.errors import HungError
from media.events.answers import Question
from media.events.session import Input
from media.events.vision import Degraded
from media.recording.writer import RecordingWriter, record
from media.servers.device import MAX_HUNG, TICKS, Device, JobQueue
from media.servers.urgency import Urgency
from media.worker import DiskWorker
from tests.chaos.conversation import answered, close_code, say, until
from tests.chaos.failing import Failing
from tests.media.pipeline.scripted import replayed, scripted_devices
from tests.patience import PATIENCE
from tests.web.served import CountingRecognizer, scripted_models, served
from web.config import Settings


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs waits for this, so that it ends with the test."""
    event = threading.Event()
    yield event
    event.set()


async def test_what_hangs_is_given_up_and_another_thread_takes_its_place(
    released: threading.Event,
) -> None:
    device = Device("test", slots=1, max_run=1000.0)
    queue, other = JobQueue(device, "looks"), JobQueue(device, "answers")
    started, ended = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        released.wait()
        ended.set()

    loop = asyncio.get_running_loop()
    hung = loop.create_task(queue.run(hang, Urgency.LOOK))
    assert await loop.run_in_executor(None, started.wait, PATIENCE)
    waiting = loop.create_task(other.run(lambda: "answer", Urgency.ANSWER))
    for _ in range(TICKS):
        device.tick()
    assert (queue.running, queue.hung) == (1, 0)
    device.tick()
    with pytest.raises(HungError, match="looks was given up"):
        await hung
    assert await waiting == "answer"
    assert queue.snapshot()["hung"] == 1
    assert queue.snapshot()["failed"] == 1
    released.set()
    assert await loop.run_in_executor(None, ended.wait, PATIENCE)
    while queue.hung:  # until the thread has noted it
        await queue.run(lambda: None, Urgency.LOOK)
    assert await queue.run(lambda: "look", Urgency.LOOK) == "look"
    device.close()


async def test_a_model_that_hangs_again_and_again_is_not_asked_any_more(
    released: threading.Event,
) -> None:
    device = Device("test", slots=1, max_run=0.01)
    queue, other = JobQueue(device, "looks"), JobQueue(device, "answers")
    for _ in range(MAX_HUNG):
        with pytest.raises(HungError, match="given up"):
            await queue.run(released.wait, Urgency.LOOK)
    with pytest.raises(HungError, match="started again"):
        await queue.run(released.wait, Urgency.LOOK)
    assert await other.run(lambda: 1, Urgency.ANSWER) == 1
    device.close()


async def test_jobs_run_on_the_threads_there_are_if_the_system_gives_no_more(
    monkeypatch: pytest.MonkeyPatch, released: threading.Event
) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def limited(thread: threading.Thread) -> None:
        if thread.name == "test" and len(started) == allowed:
            raise RuntimeError("can't start new thread")
        if thread.name == "test":
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    device, allowed = Device("test", slots=2), 0
    queue = JobQueue(device, "jobs", parallel=2)
    with pytest.raises(RuntimeError, match="new thread"):
        await queue.run(lambda: 1, Urgency.LOOK)
    assert queue.waiting == 0
    allowed = 1
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(queue.run(lambda: 1, Urgency.LOOK)) for _ in range(4)]
    assert [each.result() for each in made] == [1] * 4
    device.close()


async def test_a_session_whose_model_hangs_is_told_and_others_go_on(
    released: threading.Event,
) -> None:
    recognizer = Failing(CountingRecognizer(), "step", released.wait)
    with ExitStack() as stack:
        devices = scripted_devices(stack, max_run=0.2)
        models = stack.enter_context(scripted_models(recognizer, devices=devices))  # type: ignore[arg-type]
        service = stack.enter_context(served(Settings(), models))
        web = stack.enter_context(httpx.Client(base_url=service.http, timeout=PATIENCE))
        async with websockets.connect(f"{service.ws}/v1/realtime") as hangs:
            await say(hangs)
            error = await until(hangs, "error")
            assert "recognition was given up" in error["error"]["message"]
            assert await close_code(hangs) == 1011
        assert web.get("/ready").json() == {"status": "hung"}
        assert web.get("/ready").status_code == 503
        async with websockets.connect(f"{service.ws}/v1/realtime") as other:
            assert "You asked: one two" in await answered(other)
        released.set()
        while web.get("/ready").status_code != 200:
            pass


async def test_a_disk_that_does_not_answer_ends_the_recording_and_not_the_session(
    tmp_path: Path, released: threading.Event
) -> None:
    writer = Failing(RecordingWriter(tmp_path), "write", released.wait, at=3)
    worker, reports = DiskWorker("recorder", max_wait=0.05), list[Degraded]()

    async def report(output: Degraded) -> None:
        reports.append(output)

    items: list[Input] = [Question(f"q{n}", "what?", float(n)) for n in range(6)]
    with patch("media.recording.writer.RecordingWriter", lambda _: writer):
        passed = [item async for item in record(replayed(items), tmp_path, worker, report)]
    assert passed == items
    (told,) = reports
    assert "no longer recorded" in told.message
    assert "did not answer" in told.message
    worker.end()
    with pytest.raises(OSError, match="did not answer"):
        await worker.run(int)
    released.set()
    writer.abandon()
