"""A WebSocket as the connection of a session's client."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from web.config import Settings
from web.protocol.client_events.messages import ProtocolError
from web.realtime.bridge import SessionBridge
from web.realtime.lines.line import LineBrokenError, LineEnd, LineRefusedError

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 10.0  # seconds for a client to take part in closing
NORMAL = 1000  # close codes: RFC 6455, section 7.4.1
GOING_AWAY = 1001
NO_STATUS = 1005
NO_CLOSE_FRAME = 1006
FAILED = 1011
ORDERLY = (NORMAL, GOING_AWAY, NO_STATUS)  # a client that closes with these has left


class WebSocketLine:
    """Passes the messages of an accepted WebSocket to `bridge`, and events to it.

    If the client is `resumable`, a connection that breaks is lost: the client may come back.
    """

    def __init__(
        self, websocket: WebSocket, bridge: SessionBridge, settings: Settings, *, resumable: bool
    ) -> None:
        self.resumable = resumable
        self.closed = asyncio.Event()
        self.close_code = FAILED  # unless the session knows better
        self._websocket = websocket
        self._bridge = bridge
        self._settings = settings
        self._closing = False
        self._sending: asyncio.Timeout | None = None

    async def wait_open(self) -> bool:
        """Return True: it was accepted."""
        return True

    async def read(self) -> LineEnd:
        """Pass on the client's messages until it leaves, or is silent for too long."""
        timeout = self._settings.silence_timeout or None
        while True:
            try:
                async with asyncio.timeout(timeout):
                    message = await self._websocket.receive()
            except TimeoutError:
                reason = f"no message for {timeout:.0f} s: the session ends"
                await self._bridge.refuse(ProtocolError(reason, code="session_silent"))
                return LineEnd(reason, lost=False)
            if message["type"] == "websocket.disconnect":
                return self._end(message)
            await self._receive(message.get("text"))

    async def _receive(self, text: str | None) -> None:
        """Pass on one message; `text` is None for a binary one."""
        max_size = self._settings.max_message_size
        if text is None:
            reason = "binary frames are not part of this protocol: send audio as base64 in JSON"
            await self._bridge.refuse(ProtocolError(reason, code="invalid_frame"))
        elif len(text) > max_size:
            reason = (
                f"a message may have {max_size} characters, this one has {len(text)}: send less"
            )
            await self._bridge.refuse(ProtocolError(reason, code="message_too_large"))
        else:
            await self._bridge.receive_message(text)

    def _end(self, message: Mapping[str, Any]) -> LineEnd:
        """Return how the client has left, as its last message says."""
        self._closing = True
        self._interrupt()
        # uvicorn reports a connection without a close frame as NO_STATUS, without a reason.
        code = message.get("code") if "reason" in message else NO_CLOSE_FRAME
        reason = f"the client left, code {code} {message.get('reason') or ''}".rstrip()
        return LineEnd(reason, lost=self.resumable and code not in ORDERLY)

    async def send(self, text: str) -> None:
        """Send an event.

        Raises:
            LineBrokenError: the client is gone.
            LineRefusedError: it reads nothing.
        """
        timeout = self._settings.websocket_timeout
        if self._closing:
            raise LineBrokenError("the connection is closed")
        try:
            async with asyncio.timeout(timeout) as self._sending:
                await self._websocket.send_text(text)
        except TimeoutError:
            if self._closing:
                raise LineBrokenError("the connection is closed") from None
            raise LineRefusedError(f"the client read nothing for {timeout:g} s") from None
        except (WebSocketDisconnect, RuntimeError) as error:  # RuntimeError: closed already
            raise LineBrokenError("the client left") from error
        finally:
            self._sending = None

    async def close(self) -> None:
        """Close the connection with `close_code`, if the client has not."""
        self._closing = True
        self._interrupt()
        websocket = self._websocket
        states = (websocket.application_state, websocket.client_state)
        try:
            if all(state is WebSocketState.CONNECTED for state in states):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._websocket.close(self.close_code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            logger.debug("the client left before the connection was closed")
        finally:
            self.closed.set()

    def _interrupt(self) -> None:
        """Let an event that the client does not take wait for its next connection."""
        if self._sending is not None and not self._sending.expired():
            self._sending.reschedule(asyncio.get_running_loop().time())
