"""WebSocket connections that are given up only when the client is gone.

uvicorn closes a connection with code 1011 if a ping is not answered in time. But it stops reading
while a session is busy, so it does not see answers that have come, and a client that is busy
itself may send audio and answer late. Clients have the same timer: most libraries end a
connection whose ping waits for 20 s. So pings are read while a session is busy, up to a bound.

A client that breaks the protocol is told why before its connection ends: a socket that is closed
while the client still sends resets the connection, and the close frame is lost.

When the service ends, uvicorn closes connections at once. Here their sessions do, after their last
events, as long as there is time.
"""

from collections import deque

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PING_INTERVAL = 20.0  # seconds, the default of uvicorn and of Python's websockets
READ_AHEAD = 1 << 23  # bytes of messages before the session: two minutes of audio
OVERHEAD = 1024  # bytes that a message counts beside its text
GOING_AWAY = 1001  # RFC 6455, section 7.4.1: the server goes down
END_WAIT = 0.7  # seconds for sessions to close their connections when the service ends


class PatientProtocol(WebSocketsSansIOProtocol):
    """Closes a connection from which nothing came for `ws_ping_timeout` seconds, though read."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._heard = self.loop.time()
        self._sizes: deque[int] = deque()  # of the messages in the queue
        self._waiting = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client; called by asyncio."""
        if self.conn.parser_exc is not None:
            return  # after the close frame
        self._heard = self.loop.time()
        super().data_received(data)

    def keepalive_timeout(self) -> None:
        """Close the connection, or wait on; called when a ping was not answered in time."""
        assert self.ping_timeout is not None
        now = self.loop.time()
        if self.read_paused:
            self._heard = now
        rest = self._heard + self.ping_timeout - now
        if rest > 0:
            self.pong_timer = self.loop.call_later(rest, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    def shutdown(self) -> None:
        """Let the session of an open connection close it; called when the service ends."""
        if self.handshake_complete and not self.close_sent:
            self.loop.call_later(END_WAIT, self._go_away)
        else:
            super().shutdown()

    def _go_away(self) -> None:
        """Close the connection, if its session and its client have not."""
        if not self.close_sent and not self.transport.is_closing():
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            self.conn.send_close(GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.stop_keepalive()
        self.transport.close()

    def handle_parser_exception(self) -> None:
        """Send the close frame, and drop what follows until the client has closed."""
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def send_receive_event_to_app(self) -> None:
        """Queue a message; go on reading while there is room."""
        size = sum(len(frame) for frame in self.frames) + OVERHEAD
        queued = self.queue.qsize()
        super().send_receive_event_to_app()
        if self.queue.qsize() > queued:
            self._sizes.append(size)
            self._waiting += size
        self._read_on()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message; called by the application."""
        message = await super().receive()
        if message["type"] == "websocket.receive" and self._sizes:
            self._waiting -= self._sizes.popleft()
        self._heard = self.loop.time()
        self._read_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application.

        A handshake that is answered with a response is complete; uvicorn logs an error otherwise.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def _read_on(self) -> None:
        if self.read_paused and self._waiting < READ_AHEAD:
            self.read_paused = False
            self.transport.resume_reading()
