"""One WebRTC call: joins the tracks and data channels of a client's peers to a session."""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from media.channel import ChannelClosedError
from media.clock import Clock
from media.events.answers import Speech
from media.events.session import Output
from media.events.vision import Degraded
from media.frames import VideoFrame
from media.pipeline.carried import CarriedState
from rtc.allocation.regions import Region
from rtc.errors import PeerClosedError
from rtc.network import NetworkState
from rtc.peer import Peer
from web.context import ServiceContext
from web.problems import ProblemError
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import Capabilities
from web.realtime.audience import Audience, Viewer
from web.realtime.bridge import SessionBridge
from web.realtime.lines.peer_line import PeerLine
from web.realtime.resumable_session import ResumableSession
from web.realtime.steering import CallSteering, steering_rules
from web.sessions.record import SessionKind, SessionRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallMedia:
    """Whether a call's client is a publisher, hears answers, and gets video or shares it.

    One that is `resumable` may come back although it has closed its connection in the orderly way.
    """

    publisher: bool
    hears: bool
    returns_video: bool
    resumable: bool

    @classmethod
    def of(cls, peer: Peer, kind: SessionKind, *, resumable: bool) -> "CallMedia":
        """Return the media of a call that starts with `peer`."""
        publisher = kind == "whip"  # which neither hears answers nor reads them
        hears = peer.receives_audio and not publisher
        returns_video = publisher or peer.receives_video  # it may have viewers
        return cls(publisher, hears, returns_video, resumable)

    def limited(self, capabilities: Capabilities) -> Capabilities:
        """Return what the session can use of `capabilities`."""
        return capabilities if self.hears else replace(capabilities, voices=())


class Call(ResumableSession[PeerLine]):
    """The session of a client that comes on a peer, and may come back on others.

    `clock` is that of its peers; viewers are in `audience`. `begin` has its first peer.
    """

    def __init__(
        self,
        context: ServiceContext,
        record: SessionRecord,
        protocol: RealtimeProtocol,
        clock: Clock,
        media: CallMedia,
        carried: CarriedState | None = None,
    ) -> None:
        bridge = SessionBridge(
            record,
            protocol,
            context.message_worker,
            context.models.services.images,
            clear_speech=self._clear_speech,
            carried=carried,
            count=partial(context.doorkeeper.count_request, record.opener),
        )
        super().__init__(context, record, bridge, clock)
        self.media = media
        self.audience = Audience(context.settings.viewers, context.settings.secret_viewers)
        rules = steering_rules(context.settings, publisher=media.publisher)
        report, worker = bridge.report, context.message_worker
        self._steering = CallSteering(rules, clock, worker, report, self._favour)

    def watch(self, viewer: Viewer) -> None:
        """Let `viewer` see and hear the session.

        Raises:
            ProblemError: the session is ending, or has no room for it.
        """
        if self._record.live is not self:
            raise ProblemError(
                409, f"session {self._record.id} is just ending", code="session_over"
            )
        leaving = self.audience.add(viewer)
        for work in (viewer.run(), self.audience.follow(viewer)):
            self._tasks.create_task(work, name="viewer")
        if leaving is not None:
            self._tasks.create_task(leaving.peer.close(), name="make room")

    async def _open(self) -> None:
        await super()._open()
        refusals = () if self.newest is None else self.newest.peer.refusals
        for refusal in refusals:
            await self.bridge.emit(Degraded(f"{refusal}; the rest of the offer is used"))

    async def _finish(self, *, failed: bool) -> None:
        self._clear_speech()  # ends the tasks that wait for it
        await super()._finish(failed=failed)
        await self.audience.close()

    async def _close(self) -> None:
        await super()._close()
        await self.audience.close()

    async def _run(self) -> None:
        await self.bridge.run(
            self._context,
            self.clock,
            self._visits.serve,
            self._send,
            network_stats=self._network_stats,
            limits=self._context.models.limits,
            return_video=self.media.returns_video,
            watched=self._is_watched,
        )

    def line(self, peer: Peer) -> PeerLine:
        """Return `peer` as a connection of this call."""
        peer.media.on_drop = self._record.counters.audio_dropped
        line = PeerLine(
            peer,
            self.bridge,
            self._record.id,
            on_frame=self._steering.see,
            resumable=self.media.resumable,
        )
        peer.on_silence = lambda silent: self._visits.hear(line, silent)
        return line

    @property
    def _peer(self) -> Peer | None:
        """The peer in use, None while the client has none."""
        return None if self._visits.current is None else self._visits.current.peer

    async def _network_stats(self) -> NetworkState | None:
        """Return the state of the network, by which the client is steered."""
        if self._peer is None:
            return None
        network = self._record.network = await self._peer.stats()
        if self._context.settings.steering:
            await self._steering.measured(network, watched=self._is_watched())
        return network

    def _is_watched(self) -> bool:
        """Return whether anybody sees the video that the session returns."""
        return len(self.audience) > 0 or (self._peer is not None and self._peer.receives_video)

    def _favour(self, regions: tuple[Region, ...]) -> None:
        if self._peer is not None:
            self._peer.favour(regions)

    def _clear_speech(self) -> None:
        self.audience.clear_speech()
        if self._peer is not None:
            self._peer.clear()

    async def _send(self, output: Output) -> None:
        """Send an output of the session: frames and speech on tracks, the rest as events."""
        peer = self._peer
        clear_count = 0 if peer is None else peer.clear_count  # later clearings drop the speech
        try:
            if isinstance(output, VideoFrame):
                self.audience.show(output)
                if peer is not None:
                    peer.show(output)
                return
            if await self.bridge.emit(output) and isinstance(output, Speech):
                await self._play(peer, output, clear_count)
            if self._context.settings.steering:
                await self._steering.note(output)
        except PeerClosedError:
            logger.debug("session %s: media came after the peer left", self._record.id)

    async def _play(self, peer: Peer | None, speech: Speech, clear_count: int) -> None:
        if speech.chunk is None:
            report = self._report_playback(peer, speech.id, clear_count)
            self._tasks.create_task(report, name="report playback")
            return
        await self.audience.hear(speech.chunk)
        if peer is not None:
            await peer.play(speech.chunk, clear_count=clear_count)

    async def _report_playback(self, peer: Peer | None, question_id: str, clear_count: int) -> None:
        """Send that the utterance was played, once it was; one that nobody can hear is over."""
        if (
            peer is None
            or await peer.wait_played(clear_count=clear_count)
            or peer is not self._peer
        ):
            with suppress(ChannelClosedError):  # the session has ended meanwhile
                await self.bridge.playback_finished(question_id)
