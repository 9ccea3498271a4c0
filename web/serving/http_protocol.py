"""HTTP/1.1 with limits in time: uvicorn's protocol waits without end for half of a request.

The head of a request, and the rest of a body that nobody reads any more, must arrive in time;
`web.access.bounded_body` bounds the bodies that are read. A client must read what it is sent.
"""

import asyncio
import enum
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.serving.connections import Connections

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"


class Owed(enum.Enum):
    """What the client has to send next."""

    HEAD = "the head of a request"
    REST = "the rest of a body whose request was answered"


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds in which a client must send the head of a request, or read what it is sent.

    What is left of a body whose request was answered is received for `rest` seconds: closed at
    once, the connection would be reset and the answer lost.
    """

    head: float
    read: float
    rest: float = 5.0


class BoundedHttpProtocol(H11Protocol):
    """A connection of HTTP/1.1 within `limits`, one of `open_connections`."""

    def __init__(
        self, *args: Any, limits: TimeLimits, open_connections: Connections, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._limits = limits
        self._open_connections = open_connections
        self._owed: Owed | None = None
        self._sending_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if self._open_connections.admit(len(self.connections)):
            self._update()
        else:
            self.transport.write(BUSY)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._update()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop()  # uvicorn's WebSocket protocol takes the connection over
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_timer = self.loop.call_later(self._limits.read, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def make_room(self) -> None:
        """Close the connection, which has no request in progress."""
        self._stop()
        self.transport.abort()

    def _update(self) -> None:
        """Give the client its time when it begins to owe something."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        self._open_connections.set_waiting(self, waiting=self._is_idle())
        owed = self._owes()
        if owed is self._owed:
            return
        self._cancel_sending()
        self._owed = owed
        if owed is not None:
            seconds = self._limits.head if owed is Owed.HEAD else self._limits.rest
            self._sending_timer = self.loop.call_later(seconds, self._give_up)

    def _is_idle(self) -> bool:
        return self.conn.their_state is h11.IDLE and self._is_answered()

    def _is_answered(self) -> bool:
        return bool(getattr(self.cycle, "response_complete", True))  # no cycle before a request

    def _owes(self) -> Owed | None:
        if self._is_idle():
            # Between two requests uvicorn's own time for that runs, until a part of one arrives.
            return Owed.HEAD if self.timeout_keep_alive_task is None else None
        if self.conn.their_state is h11.SEND_BODY and self._is_answered():
            return Owed.REST
        return None

    def _give_up(self) -> None:
        received, _ = self.conn.trailing_data
        if self._owed is Owed.HEAD and received:
            self.transport.write(TIMED_OUT)
        self._stop()
        if self._owed is Owed.HEAD:
            self.transport.close()
        else:
            self.transport.abort()

    def _stop(self) -> None:
        self._cancel_sending()
        self._open_connections.set_waiting(self, waiting=False)
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def _cancel_sending(self) -> None:
        if self._sending_timer is not None:
            self._sending_timer.cancel()
            self._sending_timer = None


def http_protocol(limits: TimeLimits, connections: Connections) -> type[asyncio.Protocol]:
    """Return what uvicorn calls for each connection."""
    made = partial(BoundedHttpProtocol, limits=limits, open_connections=connections)
    return cast("type[asyncio.Protocol]", made)
