import asyncio

import pytest

from web.service_tasks import ServiceTasks


async def test_a_task_of_the_service_that_fails_is_logged_and_ends_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = asyncio.Event()

    async def fail() -> None:
        raise ZeroDivisionError

    async def go_on() -> None:
        await asyncio.wait([failing])
        done.set()

    async with ServiceTasks() as tasks:
        failing = tasks.create_task(fail(), name="a sweep")
        tasks.create_task(go_on(), name="a session")
    assert done.is_set()
    assert "a sweep failed" in caplog.text


async def test_a_task_that_is_cancelled_is_cancelled() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async with ServiceTasks() as tasks:
        waiting = tasks.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
    assert waiting.cancelled()
