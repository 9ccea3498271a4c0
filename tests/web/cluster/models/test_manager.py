"""How many workers a cluster has, and what becomes of those that do not answer."""

from contextlib import nullcontext
from typing import Any

import pytest

from web.cluster.errors import ClusterError
from web.cluster.models.manager import ModelManager, WorkerNeeds
from web.cluster.models.messages import WorkerLoad
from web.cluster.models.scaling import Scaling

NEEDS = WorkerNeeds(load=lambda: nullcontext({}), cpus=1.0, gpus=0.0)
CALM, BUSY = WorkerLoad(0.0, 0.1), WorkerLoad(0.5, 1.0)


class HereRay:
    """Workers by name, and how busy they say that they are; None: it does not answer."""

    def __init__(self) -> None:
        self.workers: dict[str, WorkerLoad | None] = {}

    def names(self) -> list[str]:
        return list(self.workers)

    def start(self, name: str, needs: WorkerNeeds) -> None:
        assert needs is NEEDS
        self.workers[name] = None

    def end(self, name: str) -> None:
        del self.workers[name]

    async def load(self, name: str, within: float) -> WorkerLoad:
        load = self.workers[name]
        if load is None:
            raise ClusterError("no answer")
        return load

    def all_say(self, load: WorkerLoad | None) -> None:
        self.workers = dict.fromkeys(self.workers, load)


class Managed:
    def __init__(self, least: int = 1, most: int = 3) -> None:
        self.ray = HereRay()
        self.now = 0.0
        self.manager: Any = ModelManager(
            lambda: self.ray, Scaling(least, most, 0.2), NEEDS, lambda: self.now
        )

    async def after(self, seconds: float) -> int:
        """Return how many workers there are after some time of looks, each second."""
        for _ in range(round(seconds)):
            self.now += 1.0
            await self.manager.workers()
        return len(self.ray.workers)


async def test_workers_are_started_up_to_the_least_and_ready_once_they_answer() -> None:
    managed = Managed(least=2)
    assert await managed.manager.workers() == ()
    assert await managed.after(5) == 2, "those that start count"
    managed.ray.all_say(CALM)
    await managed.after(1)
    assert set(await managed.manager.workers()) == set(managed.ray.workers)


async def test_another_starts_while_jobs_wait_and_ends_when_it_is_not_needed() -> None:
    managed = Managed()
    await managed.after(1)
    managed.ray.all_say(BUSY)
    assert await managed.after(2) == 1, "not at once"
    assert await managed.after(2) == 2
    assert await managed.after(20) == 2, "no further one while that starts"
    managed.ray.all_say(BUSY)
    assert await managed.after(4) == 3
    managed.ray.all_say(BUSY)
    assert await managed.after(20) == 3, "as many as there may be"
    managed.ray.all_say(CALM)
    assert await managed.after(50) == 3
    assert await managed.after(20) == 2
    assert await managed.after(70) == 1
    assert await managed.after(200) == 1


async def test_one_that_does_not_answer_any_more_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    managed = Managed()
    await managed.after(1)
    managed.ray.all_say(CALM)
    await managed.after(1)
    [first] = managed.ray.workers
    managed.ray.all_say(None)
    await managed.after(30)
    assert first not in managed.ray.workers
    assert "does not answer and is ended" in caplog.text
    assert len(managed.ray.workers) == 1


async def test_a_manager_that_starts_anew_goes_on_with_the_workers_that_there_are() -> None:
    managed = Managed(least=2)
    managed.ray.workers = {"model-worker-a": CALM, "model-worker-b": CALM}
    assert set(await managed.manager.workers()) == set(managed.ray.workers)
    assert await managed.after(5) == 2


async def test_workers_that_cannot_load_their_models_are_not_started_in_a_row() -> None:
    managed = Managed()
    assert await managed.after(1) == 1
    managed.ray.workers.clear()
    assert await managed.after(9) == 0
    assert await managed.after(3) == 1
    managed.ray.all_say(CALM)
    await managed.after(1)
    managed.ray.workers.clear()
    assert await managed.after(1) == 1, "one that had them is replaced at once"
