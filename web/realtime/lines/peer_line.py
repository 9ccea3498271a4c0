"""A peer as the connection of a session's client."""

import asyncio
import logging
import secrets
from collections.abc import Callable

from media.frames import VideoFrame
from rtc.errors import MessageError, PeerClosedError, PeerSilentError
from rtc.messages import MessageLimits
from rtc.peer import Peer
from web.realtime.bridge import SessionBridge
from web.realtime.lines.line import LineBrokenError, LineEnd, LineRefusedError

logger = logging.getLogger(__name__)


def new_tag() -> str:
    """Return an entity tag for an ICE session: RFC 9725, section 4.3.1."""
    return f'"{secrets.token_hex(8)}"'


class PeerLine:
    """Passes media and messages of `peer` to `bridge`, and events to its data channel, if any.

    `on_frame` is called with each frame that arrives. `tag` names the peer's ICE session. If the
    client is `resumable`, a connection that it closes is lost: a page that is loaded again closes
    its own, and comes back.
    """

    def __init__(
        self,
        peer: Peer,
        bridge: SessionBridge,
        session: str,
        *,
        on_frame: Callable[[VideoFrame], None],
        resumable: bool,
    ) -> None:
        self.peer = peer
        self.resumable = resumable
        self.tag = new_tag()
        self._on_frame = on_frame
        self._bridge = bridge
        self._session = session

    async def wait_open(self) -> bool:
        """Wait until the peer is connected or has failed; return whether it is connected."""
        return await self.peer.wait_connected()

    async def read(self) -> LineEnd:
        """Pass on media and messages of the peer until it leaves."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_media(), name="read media")
            tasks.create_task(self._read_messages(), name="read messages")
        await self.peer.closed.wait()
        lost = self.peer.lost or self.resumable
        return LineEnd(self.peer.end_reason, lost and self.peer.connected.is_set())

    async def send(self, text: str) -> None:
        """Send an event over the data channel.

        Raises:
            LineBrokenError: the peer is silent or gone.
            LineRefusedError: it has closed the data channel, or does not read.
        """
        if not self.peer.receives_messages:
            return
        if len(text) > MessageLimits().size:  # ASCII: bytes are characters
            logger.warning(
                "session %s: dropped an event of %d bytes, too large for the data channel",
                self._session,
                len(text),
            )
            return
        try:
            await self.peer.messages.send(text)
        except PeerSilentError as error:
            raise LineBrokenError(str(error)) from error
        except (MessageError, PeerClosedError) as error:
            left = self.resumable and isinstance(error, PeerClosedError)
            if self.peer.ended or left:
                raise LineBrokenError(self.peer.end_reason or str(error)) from error
            logger.info("session %s: the client takes no messages: %s", self._session, error)
            raise LineRefusedError(f"the client takes no messages: {error}") from error

    async def close(self) -> None:
        """Close the peer."""
        await self.peer.close()

    async def _read_media(self) -> None:
        async for item in self.peer.media:
            if isinstance(item, VideoFrame):
                self._on_frame(item)
            await self._bridge.receive_media(item)

    async def _read_messages(self) -> None:
        async for text in self.peer.messages:
            await self._bridge.receive_message(text)
