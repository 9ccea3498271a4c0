"""Text messages over the data channel, in both directions.

aiortc delivers a message in a callback, which cannot wait for room as a `media.channel.Channel`
does. So this module bounds its queue, and closes the peer if a client writes faster than the
session reads.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aiortc import RTCDataChannel
from aiortc.exceptions import InvalidStateError

from rtc.errors import MessageError, PeerClosedError, PeerSilentError

logger = logging.getLogger(__name__)

LABEL = "oai-events"  # of the data channel of OpenAI's Realtime clients
MAX_CHANNELS = 8  # that one client may open


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLimits:
    """At most `size` bytes a message, `count` waiting messages, and `buffered` bytes to send.

    `unread` bytes of the client may wait for a session that is busy. `timeout` is how many seconds
    `send` waits for the client to read.
    """

    size: int = 262_144
    count: int = 4_096
    unread: int = 4 << 20
    buffered: int = 1 << 20
    timeout: float = 30.0


class Messages:
    """The messages of one peer: iterate over those of the client, and `send` ours.

    All data channels are read. Ours are sent on the channel labelled `oai-events`, or else on the
    first one. Binary messages and messages that are too long are ignored and counted.
    """

    def __init__(
        self, limits: MessageLimits, *, offered: bool, on_overflow: Callable[[str], None]
    ) -> None:
        self.ignored = 0
        self._limits = limits
        self._offered = offered
        self._on_overflow = on_overflow
        self._channels: list[RTCDataChannel] = []
        self._outgoing: RTCDataChannel | None = None
        self._received: deque[str] = deque()
        self._unread = 0  # bytes in it
        self._unsent: deque[str] = deque()
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._sending = asyncio.Lock()
        self._closed = False
        self._paused = False

    def add(self, channel: RTCDataChannel) -> None:
        """Add `channel`, which the client has opened."""
        if len(self._channels) >= MAX_CHANNELS:
            logger.warning("closed data channel %r: the client opened too many", channel.label)
            channel.close()
            return
        self._channels.append(channel)
        channel.on("message", self._receive)
        channel.on("close", self._drained.set)
        channel.on("bufferedamountlow", self._drained.set)
        channel.bufferedAmountLowThreshold = self._limits.buffered // 2
        if self._outgoing is None or channel.label == LABEL != self._outgoing.label:
            self._outgoing = channel
        while self._unsent:
            self._outgoing.send(self._unsent.popleft())

    async def send(self, text: str) -> None:
        """Send `text`, in order; waits while the client is slow to read.

        Messages sent before the data channel is open are held until it is.

        Raises:
            MessageError: the message is too long, the offer had no data channel, too many
                messages wait for it to open, or the client does not keep up.
            PeerSilentError: sending is paused, before or while it waits.
            PeerClosedError: the data channel is closed.
        """
        size = len(text.encode())
        self._check(size)
        async with self._sending:
            if self._outgoing is None:
                self._hold(text, size)
                return
            await self._drain(self._outgoing, size)
            if self._paused and not self._closed:
                raise PeerSilentError("the client is silent")
            try:
                self._outgoing.send(text)
            except InvalidStateError as error:
                raise PeerClosedError("the client has closed the data channel") from error
            except ValueError as error:
                raise MessageError(str(error)) from error

    def pause(self, paused: bool) -> None:
        """Stop sending while the peer is silent, or resume."""
        self._paused = paused
        self._drained.set()

    def close(self) -> None:
        """Stop sending; received messages can still be read."""
        self._closed = True
        self._changed.set()
        self._drained.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._received:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        message = self._received.popleft()
        self._unread -= len(message.encode())
        return message

    def _receive(self, message: str | bytes) -> None:
        """Queue a message; called by aiortc."""
        if isinstance(message, bytes) or len(message.encode()) > self._limits.size:
            self.ignored += 1
            if self.ignored == 1:
                kind = "binary" if isinstance(message, bytes) else "too long"
                logger.warning(
                    "ignored a %s message; later ones are ignored without a warning", kind
                )
            return
        size = len(message.encode())
        full = self._unread + size > self._limits.unread
        if full or len(self._received) >= self._limits.count:
            self._on_overflow("the client sent messages faster than they were read")
        else:
            self._received.append(message)
            self._unread += size
            self._changed.set()

    def _check(self, size: int) -> None:
        if self._closed:
            raise PeerClosedError("the peer has left: no message can be sent to it")
        if not self._offered:
            raise MessageError("the client's offer has no data channel to send messages on")
        if size > self._limits.size:
            raise MessageError(
                f"the message has {size} bytes; at most {self._limits.size} can be sent"
            )

    def _hold(self, text: str, size: int) -> None:
        """Hold a message until the data channel is open."""
        waiting = size + sum(len(message.encode()) for message in self._unsent)
        if len(self._unsent) >= self._limits.count or waiting > self._limits.buffered:
            raise MessageError("too many messages wait for the client to open a data channel")
        self._unsent.append(text)

    async def _drain(self, channel: RTCDataChannel, size: int) -> None:
        """Wait until `size` more bytes may be buffered."""
        try:
            async with asyncio.timeout(self._limits.timeout):
                while 0 < channel.bufferedAmount > self._limits.buffered - size:
                    if self._closed or self._paused or channel.readyState != "open":
                        break
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError as error:
            raise MessageError(
                f"the client read no message for {self._limits.timeout:g} s, "
                f"with {channel.bufferedAmount} bytes waiting to be sent"
            ) from error
