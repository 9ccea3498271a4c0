"""A line in front of limited work: requests are let in as they came, and wait rather than fail.

The bodies of those that wait are not read, so the number of bytes in memory and on disk is bounded.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from web.problems import ProblemError

RETRY_AFTER = 10  # seconds, for the header Retry-After


class LineFullError(ProblemError):
    """As many requests wait as may."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            429,
            f"{waiting} requests wait already: try again in {RETRY_AFTER} s, or raise "
            "EYELINE_WAITING",
            code="too_many_requests",
            headers={"Retry-After": str(RETRY_AFTER)},
        )


class WaitingLine:
    """Lets in requests of a total weight of `capacity`; at most `longest` others wait.

    A request that is heavier than all of `capacity` is let in alone. For one event loop.
    """

    def __init__(self, capacity: int, *, longest: int) -> None:
        self._capacity = capacity
        self._longest = longest
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def idle(self) -> bool:
        """Whether no request has a place or waits for one."""
        return self._free == self._capacity and not self._waiting

    @asynccontextmanager
    async def place(self, weight: int = 1) -> AsyncIterator[None]:
        """Wait for room, and keep it until the block ends.

        Raises:
            LineFullError: too many wait.
        """
        await self.enter(weight)
        try:
            yield
        finally:
            self.leave(weight)

    async def enter(self, weight: int = 1) -> None:
        """Wait for room; each call that returns needs one of `leave` with the same weight.

        Raises:
            LineFullError: too many wait.
        """
        weight = min(weight, self._capacity)
        if not self._waiting and weight <= self._free:
            self._free -= weight
            return
        if len(self._waiting) >= self._longest:
            raise LineFullError(self._longest)
        turn = (weight, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            await turn[1]
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn[1].cancelled():
                self._free += weight  # it was let in at the same moment
            self._let_in()
            raise

    def leave(self, weight: int = 1) -> None:
        """Give back the room of one `enter`."""
        self._free += min(weight, self._capacity)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            weight, turn = self._waiting.popleft()
            if not turn.cancelled():  # its task may not know yet
                self._free -= weight
                turn.set_result(None)
