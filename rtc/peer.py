"""One peer connection: receives media and messages, and sends video, speech and messages.

It lasts until either side leaves; then its iterators end. `web.realtime` joins it to a session.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Self

from aiortc import RTCPeerConnection

from media.channel import Channel
from media.clock import Clock
from media.frames import AudioChunk, Gap, VideoFrame
from media.worker import Worker
from rtc.aiortc_patches.guards import Guards
from rtc.aiortc_patches.statistics import network_counters
from rtc.aiortc_patches.transceivers import favour
from rtc.allocation.regions import Region
from rtc.errors import PeerClosedError
from rtc.ice_servers import IceServer
from rtc.incoming import ReceivedMedia, read_audio, read_video
from rtc.limits import PeerLimits
from rtc.messages import Messages
from rtc.monitor import Monitor
from rtc.negotiation.fragment import read_fragment
from rtc.negotiation.offer import Offer, read_offer
from rtc.negotiation.signaling import (
    accept_offer,
    choose_layers,
    create_answer,
    create_connection,
    receiving_transceiver,
)
from rtc.network import FrameCounters, NetworkCounters, NetworkState, network_state
from rtc.outgoing import SpeechTrack, VideoTrack
from rtc.receiving.link import Link

logger = logging.getLogger(__name__)

CLOSING_TIMEOUT = 5.0  # seconds for the connection to shut down, TURN allocations included
ABANDON_TIMEOUT = 0.5  # the same after cancellation, when tasks of aiortc may have ended already


class Peer:
    """A connected client; created by `accept`.

    `media` has its video frames and its audio at 16 kHz, in session time; `messages` its text.
    `receives_video`, `receives_audio` and `receives_messages` say what it asked for in its offer,
    `sends_media` whether it offered any, and `refusals` what of it cannot be met. `connected` is
    set when media can flow, `closed` when
    the peer has ended: see `end_reason`; `lost` means that its client did not end it, and may come
    back as another peer. `on_silence` is called when the peer falls silent or is heard again.
    """

    def __init__(
        self, connection: RTCPeerConnection, offer: Offer, *, link: Link, limits: PeerLimits
    ) -> None:
        self.answer_sdp = ""
        self.end_reason = ""
        self.lost = False
        self.on_silence: Callable[[bool], None] = lambda silent: None
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.receives_video = offer.receiving("video") is not None
        self.receives_audio = offer.receiving("audio") is not None
        self.receives_messages = offer.has_messages
        self.sends_media = any(offer.sending(kind) is not None for kind in ("audio", "video"))
        self.refusals = offer.refusals
        self.media: Channel[ReceivedMedia] = Channel(
            limits.queued_media,
            droppable=(VideoFrame, AudioChunk, Gap),
            max_waiting={VideoFrame: limits.queued_frames},
        )
        self.messages = Messages(limits.messages, offered=offer.has_messages, on_overflow=self._end)
        self._connection = connection
        self._offer = offer
        self._link = link
        self._clock = clock = link.clock
        self._limits = limits
        self._worker = Worker("rtc")
        self._counters = FrameCounters()
        self._guards = Guards(connection, link, limits, on_end=self._end)
        choose_layers(connection, offer, link, limits.frame_size)
        self._video_track = VideoTrack(
            clock=clock,
            worker=self._worker,
            frame_rate=limits.frame_rate,
            limits=limits.frame_size,
            counters=self._counters,
        )
        speech = limits.queued_speech
        self._speech_track = SpeechTrack(clock=clock, worker=self._worker, capacity=speech)
        self._ended = asyncio.Event()
        self._settled = asyncio.Event()  # connected, or ended before
        self._last_counters = NetworkCounters(time=clock.now())
        self._task: asyncio.Task[None] | None = None
        silent, ended = self._fall_silent, self._end
        self._monitor = Monitor(
            self._guards, clock, limits, self.connected, on_silence=silent, on_end=ended
        )
        connection.on("datachannel", self.messages.add)
        connection.on("connectionstatechange", self._follow_state)

    @classmethod
    async def accept(
        cls,
        offer_sdp: str,
        *,
        clock: Clock,
        ice_servers: Sequence[IceServer] = (),
        limits: PeerLimits | None = None,
    ) -> Self:
        """Return a peer that starts to connect, with the answer in `answer_sdp`.

        Raises:
            BadOfferError: the offer cannot be answered; the message is meant for the client.
            RtcError: this machine has no network address.
        """
        limits = limits or PeerLimits()
        offer = read_offer(offer_sdp, limits.offer)
        link = Link(clock, audio_wait=limits.audio_wait, video_wait=limits.video_wait)
        connection = create_connection(ice_servers, link, limits.bitrates)
        try:
            await accept_offer(connection, offer)
        except BaseException:
            await connection.close()
            raise
        peer = cls(connection, offer, link=link, limits=limits)
        try:
            tracks = (peer._video_track, peer._speech_track)
            peer.answer_sdp = await create_answer(connection, offer, tracks)
        except BaseException:
            await peer._disconnect()
            raise
        # The peer outlives the request that created it: this task runs until `close`.
        peer._task = asyncio.create_task(peer._run(), name="peer")  # noqa: TID251
        peer._task.add_done_callback(_log_failure)
        return peer

    def show(self, frame: VideoFrame) -> None:
        """Send `frame`, in place of one that is still waiting; ignored if the peer takes no video.

        Raises:
            PeerClosedError: the peer has left.
            ValueError: the pixels are not uint8 (height, width, 3).
        """
        self._check_open()
        if self.receives_video:
            self._video_track.show(frame)

    async def wait_connected(self) -> bool:
        """Wait until media can flow or the peer has ended; return whether it is connected."""
        await self._settled.wait()
        return not self._ended.is_set()

    async def change_path(self, fragment_sdp: str) -> str | None:
        """Take late candidates, or restart ICE; return the fragment that answers a restart.

        Raises:
            BadOfferError: the fragment is not valid; the message is meant for the client.
            PathError: ICE cannot be restarted; the connection stays as it is.
            PeerClosedError: the peer has left.
        """
        self._check_open()
        return await self._guards.change_path(read_fragment(fragment_sdp, self._limits.offer))

    def favour(self, regions: tuple[Region, ...]) -> None:
        """Send the frames from now on with more quality in some `regions` than in others."""
        favour(self._connection, regions)

    async def play(self, chunk: AudioChunk, *, clear_count: int | None = None) -> None:
        """Queue `chunk` of speech; a chunk that starts at 0 begins an utterance.

        Waits while the queue is full; ignored if the peer takes no audio. The chunk is dropped if
        the queue was cleared after `clear_count` was read, or is meanwhile.

        Raises:
            PeerClosedError: the peer has left.
        """
        self._check_open()
        if self.receives_audio:
            await self._speech_track.play(chunk, clear_count=clear_count)

    async def wait_played(self, *, clear_count: int) -> bool:
        """Wait until all queued speech was sent; return whether none of it was cleared."""
        return await self._speech_track.wait_played(clear_count=clear_count)

    def clear(self) -> int:
        """Drop queued speech; return how many ms of the utterance were sent."""
        return round(self._speech_track.clear() * 1000)

    @property
    def clear_count(self) -> int:
        """How many times queued speech was cleared."""
        return self._speech_track.clear_count

    @property
    def ended(self) -> bool:
        """Whether the peer closes, or is closed."""
        return self._ended.is_set()

    async def stats(self) -> NetworkState:
        """Return the state of the network since the last call."""
        after = network_counters(
            self._connection,
            self._counters,
            time=self._clock.now(),
            round_trip=self._link.round_trip,
        )
        before, self._last_counters = self._last_counters, after
        return network_state(before, after)

    async def close(self) -> None:
        """Close the connection, and wait until nothing of the peer runs."""
        self._end("closed by this end")
        if self._task is not None:
            await asyncio.wait([self._task])

    def _follow_state(self) -> None:
        if self._connection.connectionState == "connected":
            self.connected.set()
            self._settled.set()

    def _fall_silent(self, silent: bool) -> None:
        self.messages.pause(silent)
        self.on_silence(silent)

    def _end(self, ending: str, lost: bool = False) -> None:
        """Start to close; the first reason is kept, and whether the client is lost by it."""
        if not self._ended.is_set():
            self.end_reason, self.lost = ending, lost
            self._ended.set()
            self._settled.set()

    def _check_open(self) -> None:
        if self._ended.is_set():
            raise PeerClosedError(f"the peer is gone: {self.end_reason}")

    async def _run(self) -> None:
        """Run the peer until it ends, then close everything."""
        try:
            async with asyncio.TaskGroup() as tasks:
                kinds = ("audio", "video")
                running = [tasks.create_task(self._read(k), name=f"read {k}") for k in kinds]
                running.append(tasks.create_task(self._monitor.run(), name="monitor peer"))
                await self._ended.wait()
                for task in running:
                    task.cancel()
        finally:
            orderly = self._ended.is_set()
            self._end("cancelled, or failed")
            await self._disconnect(CLOSING_TIMEOUT if orderly else ABANDON_TIMEOUT)
            await self.media.close()
            self.closed.set()
            logger.info(
                "peer ended after %.1f s: %s; %s, %s, %d items dropped unread",
                self._clock.now(),
                self.end_reason,
                self._counters,
                self._guards.counters,
                self.media.dropped,
            )

    async def _read(self, kind: str) -> None:
        """Read the incoming track of `kind`, if there is one, until it ends."""
        transceiver = receiving_transceiver(self._connection, self._offer, kind)
        if transceiver is None:
            return
        track = transceiver.receiver.track
        if kind == "audio":
            await read_audio(track, self.media, counters=self._counters)
            return
        await read_video(
            track,
            self.media,
            clock=self._clock,
            worker=self._worker,
            limits=self._limits.frame_size,
            period=self._limits.substitute_after,
            alignment=self._link.alignment,
            counters=self._counters,
        )

    async def _disconnect(self, max_wait: float = CLOSING_TIMEOUT) -> None:
        """Close the connection and the tracks; received items can still be read."""
        self._video_track.stop()
        self._speech_track.stop()
        self.messages.close()
        await self._guards.close(max_wait)
        self._worker.end()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("peer failed", exc_info=error)
