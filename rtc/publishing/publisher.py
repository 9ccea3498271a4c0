"""The connection of a publisher: its offer, its tracks, and the events of the service."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.stats import RTCRemoteInboundRtpStreamStats, RTCTransportStats

from media.channel import Channel
from media.frames import AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.worker import Worker
from rtc.aiortc_patches.encoders import use_encoder
from rtc.aiortc_patches.version import check_version
from rtc.errors import RtcError
from rtc.ice_servers import IceServer
from rtc.messages import LABEL
from rtc.publishing.encoder import SteeredEncoder
from rtc.publishing.orders import Orders, read_orders
from rtc.publishing.tracks import PublishedAudio, PublishedVideo

logger = logging.getLogger(__name__)

QUEUED_PICTURES = 4  # frames that wait to be encoded
QUEUED_SOUND = 64  # chunks of a file
FAILED = ("failed", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLimits:
    """The most that is sent, whatever the service asks for."""

    bitrate: int = 2_500_000
    frame_rate: float = 30.0
    size: SizeLimits = SizeLimits()  # noqa: RUF009  (frozen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What was sent so far, and how; `round_trip` is in seconds, None before it is known."""

    bytes: int
    frames: int
    size: tuple[int, int]
    orders: Orders
    focused: bool
    round_trip: float | None
    loss: float


class Publisher:
    """Sends the frames and the audio of two channels; `ended` is set when the service has left."""

    def __init__(
        self, limits: PublishLimits, *, sound: bool, ice_servers: Sequence[IceServer] = ()
    ) -> None:
        check_version()
        self.pictures: Channel[VideoFrame] = Channel(QUEUED_PICTURES, droppable=(VideoFrame,))
        self.sound: Channel[AudioChunk] = Channel(QUEUED_SOUND, droppable=(AudioChunk,))
        self.settled = asyncio.Event()  # whether media can flow is known
        self.ended = asyncio.Event()
        self.orders = Orders(bitrate=limits.bitrate, frame_rate=limits.frame_rate)
        self._limits = limits
        self._worker = Worker("publish")
        servers = [RTCIceServer(list(s.urls), s.username, s.credential) for s in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._connection.on("connectionstatechange", self._follow_state)
        channel = self._connection.createDataChannel(LABEL)
        channel.on("message", self._receive)
        channel.on("close", self._end)
        self._video = PublishedVideo(self.pictures, self._worker, lambda: self.orders, limits.size)
        self._encoder = SteeredEncoder(lambda: self.orders, max_bitrate=limits.bitrate)
        transceiver = self._connection.addTransceiver(self._video, direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        names = ("video/h264", "video/rtx")
        transceiver.setCodecPreferences([c for c in capabilities if c.mimeType.lower() in names])
        use_encoder(transceiver.sender, self._encoder)
        if sound:
            self._connection.addTransceiver(PublishedAudio(self.sound), direction="sendonly")

    async def offer(self) -> str:
        """Return the offer, with all candidates."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp: str = self._connection.localDescription.sdp
        return sdp

    async def accept(self, answer: str) -> None:
        """Start to connect.

        Raises:
            RtcError: the answer cannot be used; the message says why.
        """
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:  # aiortc's parser raises whatever its code runs into
            raise RtcError(f"the answer of the service cannot be used: {error!r}") from error
        for transceiver in self._connection.getTransceivers():
            if transceiver.kind == "video" and transceiver.currentDirection != "sendonly":
                raise RtcError("the service does not take H.264 video")

    async def progress(self) -> Progress:
        """Return what was sent so far."""
        report = (await self._connection.getStats()).values()
        sent = sum(each.bytesSent for each in report if isinstance(each, RTCTransportStats))
        remote = [each for each in report if isinstance(each, RTCRemoteInboundRtpStreamStats)]
        trips: list[float | None] = [each.roundTripTime for each in remote]  # None at first
        return Progress(
            bytes=sent,
            frames=self._video.sent,
            size=self._video.size,
            orders=self.orders,
            focused=self._encoder.focused,
            round_trip=min((trip for trip in trips if trip is not None), default=None),
            loss=max((each.fractionLost / 256 for each in remote), default=0.0),
        )

    async def close(self) -> None:
        """Close the connection."""
        for channel in (self.pictures, self.sound):
            await channel.close()
        await self._connection.close()
        self._worker.end()

    def _follow_state(self) -> None:
        if self._connection.connectionState == "connected":
            self.settled.set()
        elif self._connection.connectionState in FAILED:
            self._end()

    def _end(self) -> None:
        self.ended.set()
        self.settled.set()

    def _receive(self, message: str | bytes) -> None:
        """Follow an event of the service; called by aiortc."""
        if isinstance(message, bytes):
            return
        try:
            orders = read_orders(message)
        except ValueError as error:
            logger.warning("ignored %s", error)
            return
        if orders is not None:
            limits = self._limits
            self.orders = Orders(
                bitrate=min(orders.bitrate, limits.bitrate),
                frame_rate=min(orders.frame_rate, limits.frame_rate),
                scale=orders.scale,
                regions=orders.regions,
                focus=orders.focus,
                message=orders.message,
            )
