import asyncio

import pytest

from media.worker import Worker, to_the_end


async def test_work_is_waited_for_though_its_task_is_cancelled() -> None:
    worker = Worker("slow")
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.append(await worker.run(lambda: "closed"))

    task = asyncio.create_task(to_the_end(work()))  # noqa: TID251  (cancelled alone)
    await begun.wait()
    task.cancel()
    for _ in range(5):  # turns of the loop in which it could end too soon
        await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["closed"]
    worker.close()


async def test_what_the_work_returns_or_raises_is_handed_on() -> None:
    async def good() -> int:
        return 7

    async def bad() -> int:
        raise ValueError("no")

    assert await to_the_end(good()) == 7
    with pytest.raises(ValueError, match="no"):
        await to_the_end(bad())
