"""The viewers of a session, which see and hear it and cannot hold it up."""

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from media.channel import Channel, ChannelClosedError
from media.frames import AudioChunk, VideoFrame
from rtc.errors import PeerClosedError
from rtc.peer import Peer
from web.access.auth import Caller
from web.problems import ProblemError
from web.realtime.lines.peer_line import new_tag

SPEECH_CHUNKS = 256  # that wait for one viewer; the oldest are dropped


def is_guest(caller: Caller) -> bool:
    """Return whether `caller` came with a secret that may watch one session and do nothing else."""
    return caller.secret is not None and caller.secret.watches is not None


class Viewer:
    """A peer that only receives; it gets speech through a channel of its own, which never fills."""

    def __init__(self, peer: Peer, caller: Caller) -> None:
        self.caller = caller
        self.guest = is_guest(caller)
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
    """The viewers of one session, at most `capacity`; guests are those whose secret only watches.

    Of them each secret has `per_guest` at most, and they keep nobody else out: the newest of the
    guest with the most viewers makes room.
    """

    def __init__(self, capacity: int, per_guest: int) -> None:
        self._capacity = capacity
        self._per_guest = per_guest
        self._viewers: dict[str, Viewer] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def find(self, id: str) -> Viewer | None:
        return self._viewers.get(id)

    def check(self, caller: Caller) -> None:
        """Check that there is room for a viewer of `caller`.

        Raises:
            ProblemError: there is none.
        """
        guests = Counter(each.caller.owner for each in self._viewers.values() if each.guest)
        if is_guest(caller) and guests[caller.owner] >= self._per_guest:
            detail = f"this client secret has {self._per_guest} viewers, as many as it may"
            raise ProblemError(429, detail, code="viewers_full", headers={"Retry-After": "5"})
        if len(self._viewers) >= self._capacity and (is_guest(caller) or not guests):
            detail = f"this session has {self._capacity} viewers, as many as it may"
            raise ProblemError(503, detail, code="viewers_full", headers={"Retry-After": "5"})

    def add(self, viewer: Viewer) -> Viewer | None:
        """Add `viewer`; return a guest that makes room for it, whose peer is to be closed.

        Raises:
            ProblemError: there is no room.
        """
        self.check(viewer.caller)
        leaving = None
        if len(self._viewers) >= self._capacity:
            leaving = self._newest_guest()
            del self._viewers[leaving.id]
        self._viewers[viewer.id] = viewer
        return leaving

    def _newest_guest(self) -> Viewer:
        guests = [each for each in self._viewers.values() if each.guest]
        [(most, _)] = Counter(each.caller.owner for each in guests).most_common(1)
        return [each for each in guests if each.caller.owner == most][-1]

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
