"""Waits with a time limit, which another task can end at once."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from media.pipeline.outside.errors import AnswerStoppedError

T = TypeVar("T")


class StoppableWait:
    """The waits of one answer, one after another."""

    def __init__(self) -> None:
        self._stopped = False
        self._scope: asyncio.Timeout | None = None

    async def wait(self, awaitable: Awaitable[T], seconds: float | None) -> T:
        """Return the result of `awaitable`, which is cancelled after `seconds`.

        Raises:
            TimeoutError: it took longer.
            AnswerStoppedError: `stop` was called.
        """
        try:
            async with asyncio.timeout(0 if self._stopped else seconds) as self._scope:
                return await awaitable
        except TimeoutError:
            if self._stopped:
                raise AnswerStoppedError from None
            raise
        finally:
            self._scope = None

    def stop(self) -> None:
        """End the wait in progress and all later ones."""
        self._stopped = True
        if self._scope is not None and not self._scope.expired():  # it ends already
            self._scope.reschedule(asyncio.get_running_loop().time())
