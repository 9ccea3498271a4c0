import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import PATIENCE
from web.access.waiting_line import LineFullError, WaitingLine

CAPACITY = 4
STEPS = st.tuples(st.sampled_from(["enter", "enter", "leave", "cancel"]), st.integers(1, 6))


class Crowd:
    """Requests in front of a line; `let_in` has their numbers in order."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.line = WaitingLine(CAPACITY, longest=100)
        self.let_in: list[int] = []
        self.inside: list[int] = []
        self.requests: list[asyncio.Task[None]] = []
        self._tasks = tasks
        self._weights: list[int] = []

    async def step(self, action: str, amount: int) -> None:
        if action == "enter":
            await self._settle()  # those that were let in notice it before the next one asks
            self._weights.append(amount)
            self.requests.append(self._tasks.create_task(self._enter(len(self.requests))))
        elif action == "leave" and self.inside:
            self.leave(amount % len(self.inside))
        elif action == "cancel" and self.requests:
            self.requests[amount % len(self.requests)].cancel()  # perhaps as it is let in
        if action == "enter" or amount % 2:
            await self._settle()

    async def _settle(self) -> None:
        for _ in range(2):
            await asyncio.sleep(0)

    def leave(self, index: int) -> None:
        self.line.leave(self._weights[self.inside.pop(index)])

    async def end(self) -> None:
        """Let everybody in and out."""
        while self.inside or not all(request.done() for request in self.requests):
            await asyncio.sleep(0)
            total = sum(self._weights[number] for number in self.inside)
            assert total <= CAPACITY or len(self.inside) == 1
            if self.inside:
                self.leave(0)

    async def _enter(self, number: int) -> None:
        await self.line.enter(self._weights[number])
        self.let_in.append(number)
        self.inside.append(number)


@given(st.lists(STEPS, max_size=30))
def test_requests_are_let_in_in_order_and_never_more_than_fit(
    steps: Sequence[tuple[str, int]],
) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            crowd = Crowd(tasks)
            for action, amount in steps:
                await crowd.step(action, amount)
            await crowd.end()
            await crowd.line.enter(CAPACITY)  # all room has come back
        assert crowd.let_in == sorted(crowd.let_in)
        left = [number for number, each in enumerate(crowd.requests) if each.cancelled()]
        assert sorted(crowd.let_in + left) == list(range(len(crowd.requests)))

    asyncio.run(run())


async def test_a_line_that_is_too_long_takes_no_more() -> None:
    line = WaitingLine(1, longest=1)
    async with line.place(), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(line.enter())
        await asyncio.sleep(0)
        with pytest.raises(LineFullError, match="1 requests wait"):
            await line.enter()
        waiting.cancel()
