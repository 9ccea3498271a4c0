"""One peer connection: media and messages in, pictures, speech and messages out.

A peer lives from its offer until either side leaves; then everything that can be iterated
ends, and nothing of it is left running. It knows no session: whoever accepts it joins the two.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from aiortc import RTCPeerConnection

from media.channel import Channel
from media.clock import Clock
from media.frames import AudioChunk, VideoFrame
from media.video import PictureLimits
from media.worker import Worker
from rtc import aiortc_patches as guards
from rtc.errors import PeerClosedError
from rtc.ice_servers import IceServer
from rtc.incoming import read_pictures, read_sound
from rtc.liveness import Liveness, look, silence
from rtc.messages import MessageLimits, Messages
from rtc.network import NetworkState, Snapshot, Tally, between
from rtc.offer import Offer, OfferLimits, read_offer
from rtc.outgoing import PictureTrack, SpeechTrack
from rtc.signaling import accept_offer, answer, new_connection, taken

logger = logging.getLogger(__name__)

PROBE_PERIOD = 1.0  # seconds between two measurements of the round trip
CLOSING_TIMEOUT = 5.0  # seconds for the connection to shut down, TURN allocations included
ABANDON_TIMEOUT = 0.5  # the same when all tasks are cancelled: aiortc's own may be gone already
MOST_UNFINISHED = 8 << 20  # bytes of messages whose end has not come


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLimits:
    """How much of everything one peer may take.

    `picture` bounds the pictures of both directions, and `frame_rate` those that go out, per
    second. At most `media` items wait to be read, `pictures` of them pictures. `speech`
    seconds may wait to be said. The peer is given up when it has not connected after
    `connect_timeout` seconds, or when nothing comes from it for `silence_timeout`.
    `loopback` also offers 127.0.0.1, for a browser on this machine without another network.
    """

    offer: OfferLimits = field(default_factory=OfferLimits)
    messages: MessageLimits = field(default_factory=MessageLimits)
    picture: PictureLimits = field(default_factory=PictureLimits)
    frame_rate: float = 30.0
    media: int = 256
    pictures: int = 4
    speech: float = 30.0
    connect_timeout: float = 20.0
    silence_timeout: float = 10.0
    loopback: bool = True


class Peer:
    """A connected client; made by `accept`.

    `media` holds its pictures, and its sound in chunks of 16 kHz, by the session's time;
    `messages` its text. `takes_video`, `takes_audio` and `takes_messages` tell what it wants
    from us. `connected` is set when media can flow, `closed` when all is over; `ending` then
    says why.
    """

    def __init__(
        self, connection: RTCPeerConnection, offer: Offer, *, clock: Clock, limits: PeerLimits
    ) -> None:
        """Prepare a peer; use `accept`, which also connects it."""
        self.answer_sdp = ""
        self.ending = ""
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.takes_video = offer.receiving("video") is not None
        self.takes_audio = offer.receiving("audio") is not None
        self.takes_messages = offer.has_messages
        self.media: Channel[VideoFrame | AudioChunk] = Channel(
            limits.media,
            droppable=(VideoFrame, AudioChunk),
            newest={VideoFrame: limits.pictures},
        )
        self.messages = Messages(limits.messages, offered=offer.has_messages, give_up=self._end)
        self._connection = connection
        self._offer = offer
        self._clock = clock
        self._limits = limits
        self._worker = Worker("rtc")
        self._tally = Tally()
        self._arrivals = guards.Arrivals()
        self._round_trip: float | None = None
        self._pictures = PictureTrack(
            clock=clock,
            worker=self._worker,
            frame_rate=limits.frame_rate,
            limits=limits.picture,
            tally=self._tally,
        )
        self._speech = SpeechTrack(clock=clock, worker=self._worker, capacity=limits.speech)
        self._ended = asyncio.Event()
        self._before = Snapshot(time=clock.now())
        self._life: asyncio.Task[None] | None = None

    @classmethod
    async def accept(
        cls,
        offer_sdp: str,
        *,
        clock: Clock,
        ice_servers: Sequence[IceServer] = (),
        limits: PeerLimits | None = None,
    ) -> Self:
        """Return a peer that begins to connect, its answer in `answer_sdp`.

        Raises:
            BadOfferError: the offer cannot be answered; the message is fit for the client.
            RtcError: this machine cannot be reached at any address.
        """
        limits = limits or PeerLimits()
        offer = read_offer(offer_sdp, limits.offer)
        connection = new_connection(ice_servers)
        peer = cls(connection, offer, clock=clock, limits=limits)
        try:
            await accept_offer(connection, offer)
            peer._guard()
            tracks = (peer._pictures, peer._speech)
            peer.answer_sdp = await answer(connection, offer, tracks, loopback=limits.loopback)
        except BaseException:
            await peer._disconnect()
            raise
        for transport in guards.transports(connection):
            guards.count_arrivals(transport, peer._arrivals)
        # The peer outlives the request that made it: this task is its life, and `close` ends it.
        peer._life = asyncio.create_task(peer._live(), name="peer")  # noqa: TID251
        peer._life.add_done_callback(_log_failure)
        return peer

    async def send_message(self, text: str) -> None:
        """Send `text` over the data channel; what it waits for and raises: `Messages.send`."""
        await self.messages.send(text)

    def show(self, frame: VideoFrame) -> None:
        """Show `frame` in place of any that has not left; nothing if the peer takes no video.

        Raises:
            PeerClosedError: the peer has left.
            ValueError: the pixels are not uint8 (height, width, 3).
        """
        self._check_open()
        if self.takes_video:
            self._pictures.show(frame)

    async def say(self, chunk: AudioChunk) -> None:
        """Say `chunk` after what was said before; a chunk that starts at 0 begins an utterance.

        Waits while as much is unsaid as may be; nothing if the peer takes no audio.

        Raises:
            PeerClosedError: the peer has left.
        """
        self._check_open()
        if self.takes_audio:
            await self._speech.say(chunk)

    def hush(self) -> int:
        """Drop what is unsaid; return how many ms of the utterance were sent."""
        return round(self._speech.hush() * 1000)

    @property
    def played_ms(self) -> int:
        """How many ms of the utterance in progress, or of the last one, were sent."""
        return round(self._speech.played * 1000)

    async def stats(self) -> NetworkState:
        """Return how the network treated this peer since the last call."""
        after = await guards.snapshot(
            self._connection, self._tally, time=self._clock.now(), round_trip=self._round_trip
        )
        before, self._before = self._before, after
        return between(before, after)

    async def close(self) -> None:
        """End the peer, and wait until nothing of it runs."""
        self._end("closed by this end")
        if self._life is not None:
            await asyncio.wait([self._life])

    def _guard(self) -> None:
        """Bound and watch what aiortc does not: once it knows the offer, before it answers."""
        self._connection.on("datachannel", self.messages.add)
        self._connection.on("connectionstatechange", self._follow_state)
        guards.tolerate_malformed(self._connection, self._arrivals)
        for transceiver in self._connection.getTransceivers():
            guards.bound_decoding(transceiver.receiver, transceiver.kind)

    def _follow_state(self) -> None:
        """Take note of the connection's state; called by aiortc."""
        state = self._connection.connectionState
        if state == "connected":
            self.connected.set()
        elif state == "failed":
            self._end("the connection failed: no network path to the client, or no DTLS")
        elif state == "closed":
            self._end("the client left")

    def _end(self, ending: str) -> None:
        """Begin to end, for the first reason that comes."""
        self.ending = self.ending or ending
        self._ended.set()

    def _check_open(self) -> None:
        if self._ended.is_set():
            raise PeerClosedError(f"the peer is gone: {self.ending}")

    async def _live(self) -> None:
        """Run the peer until it ends, then take it down."""
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._read("audio"), name="read sound"),
                    tasks.create_task(self._read("video"), name="read pictures"),
                    tasks.create_task(self._watch(), name="watch peer"),
                ]
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
                "peer ended after %.1f s: %s; %s, %d items dropped unread",
                self._clock.now(),
                self.ending,
                self._tally,
                self.media.dropped,
            )

    async def _read(self, kind: str) -> None:
        """Read the incoming track of `kind`, if there is one, until it ends."""
        transceiver = taken(self._connection, self._offer, kind)
        if transceiver is None:
            return
        track = transceiver.receiver.track
        if kind == "audio":
            await read_sound(track, self.media, clock=self._clock, tally=self._tally)
        else:
            await read_pictures(
                track,
                self.media,
                clock=self._clock,
                worker=self._worker,
                limits=self._limits.picture,
                tally=self._tally,
            )

    async def _watch(self) -> None:
        """End the peer when it does not connect, falls silent, or floods us."""
        limits = self._limits
        period = min(PROBE_PERIOD, limits.silence_timeout / 4)
        began = self._clock.now()
        liveness = Liveness(heard=began, seen=began)
        while True:
            due = self._clock.now() + period
            await self._clock.sleep_until(due)
            now = self._clock.now()
            late = now > due + period
            liveness = look(liveness, now, self._arrivals.datagrams, late=late)
            if self.connected.is_set():
                if silence(liveness) > limits.silence_timeout:
                    self._end(f"nothing came for {limits.silence_timeout:g} s")
                transport = guards.transports(self._connection)[0]
                self._round_trip = await guards.probe(transport) or self._round_trip
            elif now - began > limits.connect_timeout:
                self._end(f"not connected within {limits.connect_timeout:g} s")
            if guards.unread_message_bytes(self._connection) > MOST_UNFINISHED:
                self._end("the client began messages and did not finish them")

    async def _disconnect(self, patience: float = CLOSING_TIMEOUT) -> None:
        """Close the connection and the tracks; what was received can still be read."""
        self._pictures.stop()
        self._speech.stop()
        self.messages.close()
        try:
            async with asyncio.timeout(patience):
                await self._connection.close()
        except TimeoutError:
            logger.warning("peer connection was not closed within %g s", patience)
        self._worker.close()


def _log_failure(life: asyncio.Task[None]) -> None:
    """Log what ended a peer that should not have."""
    if not life.cancelled() and (error := life.exception()) is not None:
        logger.error("peer failed", exc_info=error)
