"""The viewers of a session, which see and hear it and cannot hold it up."""

import secrets
from collections.abc import Callable
from contextlib import suppress

from media.channel import Channel, ChannelClosedError
from media.frames import AudioChunk, VideoFrame
from rtc.errors import PeerClosedError
from rtc.peer import Peer
from web.access.auth import Caller
from web.realtime.lines.peer_line import new_tag

SPEECH_CHUNKS = 256  # that wait for one viewer; the oldest are dropped


class Viewer:
    """A peer that only receives; it gets speech through a channel of its own, which never fills."""

    def __init__(self, peer: Peer, caller: Caller) -> None:
        self.caller = caller
        self.id = f"view_{secrets.token_hex(8)}"
        self.peer = peer
        self.tag = new_tag()
        self.speech: Channel[AudioChunk] = Channel(SPEECH_CHUNKS, droppable=AudioChunk)

    async def run(self) -> None:
        """Play speech until the peer has ended."""
        with suppress(PeerClosedError):
            async for chunk in self.speech:
                await self.peer.play(chunk)


class Audience:
    """The viewers of one session, at most `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._viewers: dict[str, Viewer] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def find(self, id: str) -> Viewer | None:
        return self._viewers.get(id)

    def add(self, viewer: Viewer) -> bool:
        """Add `viewer`, if there is room; return whether there is."""
        if len(self._viewers) >= self._capacity:
            return False
        self._viewers[viewer.id] = viewer
        return True

    async def follow(self, viewer: Viewer) -> None:
        """Remove `viewer` when its peer has ended."""
        await viewer.peer.closed.wait()
        self._viewers.pop(viewer.id, None)
        await viewer.speech.close()

    def show(self, frame: VideoFrame) -> None:
        """Show `frame` to every viewer."""
        for viewer in self._viewers.values():
            with suppress(PeerClosedError):
                viewer.peer.show(frame)

    async def hear(self, chunk: AudioChunk) -> None:
        """Play `chunk` of speech to every viewer."""
        for viewer in list(self._viewers.values()):
            with suppress(ChannelClosedError):
                await viewer.speech.send(chunk)

    def clear_speech(self) -> None:
        """Drop the speech that waits to be played."""
        for viewer in self._viewers.values():
            viewer.peer.clear()

    async def dismiss(self, allowed: Callable[[Caller], bool]) -> None:
        """End the connections of viewers that are not `allowed` any more."""
        for viewer in list(self._viewers.values()):
            if not allowed(viewer.caller):
                await viewer.peer.close()

    async def close(self) -> None:
        """End the connections of all viewers."""
        await self.dismiss(lambda _: False)
