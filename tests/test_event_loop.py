"""The limit on callbacks is kept: what is too slow is found, and nothing else."""

import asyncio
import gc
import time
from collections.abc import Iterator

import pytest

from tests.event_loop import LIMIT, slow_callbacks


@pytest.fixture(autouse=True)
def quick_callbacks() -> Iterator[None]:
    """The slow callbacks of these tests are meant to be."""
    yield  # noqa: PT022  (in place of the fixture of all tests)


def burn() -> None:
    end = time.thread_time() + 1.2 * LIMIT
    while time.thread_time() < end:
        pass


def collect() -> None:
    before = time.thread_time()
    while time.thread_time() - before < 1.2 * LIMIT:
        gc.collect()


async def one_round(callback: object) -> None:
    asyncio.get_running_loop().call_soon(callback)  # type: ignore[arg-type]
    await asyncio.sleep(0)


def test_a_callback_over_the_limit_is_found() -> None:
    with slow_callbacks() as slow:
        asyncio.run(one_round(burn))
    assert len(slow) == 1
    assert "burn" in slow[0]


def test_garbage_collection_is_not_counted() -> None:
    with slow_callbacks() as slow:
        asyncio.run(one_round(collect))
    assert slow == []


def test_a_tests_own_coroutine_may_compute() -> None:
    async def computes() -> None:
        burn()

    with slow_callbacks() as slow:
        asyncio.run(computes())
    assert slow == []
