"""Request bodies with a largest size and a slowest pace, checked while they arrive.

FastAPI's `max_body_size` answers a too large Content-Length in plain text and without CORS headers,
whatever error handlers are installed; clients of this service get a problem and its code.
"""

import asyncio
from dataclasses import dataclass

from starlette.types import Message, Receive

from web.problems import ProblemError

DISCONNECT: Message = {"type": "http.disconnect"}


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """A body may have `size` bytes; `advice` says what to do about a larger one.

    The client has `time` seconds, and one more for each `pace` bytes that have arrived.
    """

    size: int
    advice: str
    time: float
    pace: float


class BoundedBody:
    """Receives a request whose body is over at the first violation, as if the client had left.

    `problem` is then the answer, whatever the application makes of the part that it has.
    """

    def __init__(self, receive: Receive, limits: BodyLimits, *, declared: str) -> None:
        self.problem: ProblemError | None = None
        self._receive = receive
        self._limits = limits
        self._size = 0
        self._waited = 0.0  # seconds; the service's own pauses are not the client's
        self._complete = False
        if declared.isdecimal() and _exceeds(declared, limits.size):
            self.problem = self._too_large()

    async def receive(self) -> Message:
        """Return the next message of the request."""
        if self.problem is not None:
            return DISCONNECT
        if self._complete:
            return await self._receive()
        message = await self._receive_in_time()
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > self._limits.size:
            self.problem = self._too_large()
        return message if self.problem is None else DISCONNECT

    async def _receive_in_time(self) -> Message:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        allowed = self._limits.time + self._size / self._limits.pace
        try:
            async with asyncio.timeout(max(0.0, allowed - self._waited)):
                return await self._receive()
        except TimeoutError:
            self.problem = self._too_slow()
            return DISCONNECT
        finally:
            self._waited += loop.time() - begin

    def _too_large(self) -> ProblemError:
        return ProblemError(
            413,
            f"the body is larger than the limit of {self._limits.size} bytes: "
            f"{self._limits.advice}",
            code="body_too_large",
        )

    def _too_slow(self) -> ProblemError:
        return ProblemError(
            408,
            f"the body did not arrive in time: after {self._limits.time:g} s, at least "
            f"{self._limits.pace:g} bytes/s are expected",
            code="body_too_slow",
        )


def _exceeds(digits: str, size: int) -> bool:
    """Compare without conversion of a long text, which Python refuses."""
    significant = digits.lstrip("0")
    return len(significant) > len(str(size)) or int(significant or "0") > size
