"""The RTP receiver of one section, in place of aiortc's."""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import SupportsBytes

from aiortc import RTCDtlsTransport
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RTP_HEADER_LENGTH,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unwrap_rtx,
)

from rtc.receiving.layer_choice import LayerChoice
from rtc.receiving.layers import Verdict
from rtc.receiving.link import Arrival, Link
from rtc.receiving.sources import Sources
from rtc.receiving.stream import Delivered, SenderReport, Stream, StreamFeedback
from rtc.receiving.streams import create_stream

logger = logging.getLogger(__name__)

REPORT_INTERVAL = 1.0  # seconds between reports, varied by half of it: RFC 3550, section 6.2
NTP_SECOND = 1 << 32
RTX_HEADER = 2  # bytes: the sequence number of the original, RFC 4588 section 4


class Receiver:
    """Receives the packets of `kind` that arrive at `transport`, and delivers to `track`.

    aiortc's connection creates, starts and stops it, and its transport calls the handlers, as those
    of `RTCRtpReceiver`: hence the names. `layers` chooses among the sources of a video.
    """

    def __init__(self, kind: str, transport: RTCDtlsTransport, link: Link) -> None:
        self.kind = kind
        self.transport = transport
        self.sources = Sources()
        self.layers: LayerChoice | None = None
        self._enabled = True  # set by aiortc's transceiver
        self._track: RemoteStreamTrack | None = None  # set by aiortc's connection
        self._link = link
        self._codecs: dict[int, RTCRtpCodecParameters] = {}
        self._originals: dict[int, int] = {}  # SSRCs by those of their retransmissions
        self._rtcp_ssrc = 0
        self._ssrc = 0  # of the newest packet of media
        self._stream: Stream | None = None
        self._due: float | None = None
        self._report_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def track(self) -> RemoteStreamTrack | None:
        """What is received; None before the peer's description was applied."""
        return self._track

    @property
    def retransmissions(self) -> Mapping[int, int]:
        """The SSRCs of originals by those of their retransmissions."""
        return self._originals if self.layers is None else self.layers.originals

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802
        """Use `transport`, which is that of a bundle."""
        self.transport = transport

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Start; called again, do nothing."""
        if self._task is not None:
            return
        self._codecs = {c.payloadType: c for c in parameters.codecs if c.payloadType is not None}
        self._originals = {e.rtx.ssrc: e.ssrc for e in parameters.encodings if e.rtx}
        self._stream = create_stream(self.kind, self._link, self._deliver)
        self.transport._register_rtp_receiver(self, parameters)
        self._report_at = self._link.clock.now() + REPORT_INTERVAL / 2
        # It runs until `stop`, which aiortc's connection calls.
        self._task = asyncio.create_task(self._run(), name=f"receive {self.kind}")  # noqa: TID251

    async def stop(self) -> None:
        """End, and wait until nothing runs."""
        if self._task is None or self._stream is None:
            return
        self.transport._unregister_rtp_receiver(self)
        self.abort()
        await asyncio.wait([self._task])
        await self._stream.stopped()

    def abort(self) -> None:
        """End without waiting."""
        self._handle_disconnect()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def forget(self, ssrc: int) -> None:
        """Delete what is kept about a source that is not heard any more."""
        self.sources.forget(ssrc)

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self._rtcp_ssrc = ssrc

    def _handle_disconnect(self) -> None:
        if self._stream is not None:
            self._stream.stop()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        """Take a report about a source, or the end of one."""
        if isinstance(packet, RtcpSrPacket) and self._stream is not None:
            now, info = self._link.clock.now(), packet.sender_info
            self.sources.note_report(packet.ssrc, info, now)
            sent = info.ntp_timestamp / NTP_SECOND
            self._stream.report(SenderReport(packet.ssrc, sent, info.rtp_timestamp), now)
        elif isinstance(packet, RtcpByePacket):
            self._handle_disconnect()

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """Take a packet; aiortc's time of arrival follows the wall clock, so it is not used."""
        now = self._link.clock.now()
        await self._tell_listeners(packet, now)
        codec = self._codecs.get(packet.payload_type)
        if not self._enabled or codec is None:
            return
        self.sources.add(packet, codec.clockRate, now)
        if is_rtx(codec):
            await self._take_repeated(packet, codec, now)
        elif await self._takes(packet, codec):
            await self._take(packet, codec, now, repeated=False)

    async def _tell_listeners(self, packet: RtpPacket, now: float) -> None:
        arrival = Arrival(
            time=now,
            size=RTP_HEADER_LENGTH + len(packet.payload) + packet.padding_size,
            ssrc=packet.ssrc,
            sequence=packet.sequence_number,
            kind=self.kind,
            transport=self.transport,
            transport_sequence=packet.extensions.transport_sequence_number,
            send_time=packet.extensions.abs_send_time,
            rtcp_ssrc=self._rtcp_ssrc,
        )
        for listener in self._link.listeners:
            if (answer := listener.arrived(arrival)) is not None:
                await self._send(answer)

    async def _take_repeated(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float
    ) -> None:
        """Take a packet of a retransmission stream: RFC 4588, section 4."""
        layers = self.layers
        original = layers.original(packet) if layers else self._originals.get(packet.ssrc)
        type_ = codec.parameters.get("apt")
        if original is None or len(packet.payload) < RTX_HEADER or not isinstance(type_, int):
            return
        if (codec_of_original := self._codecs.get(type_)) is not None:
            unwrapped = unwrap_rtx(packet, payload_type=type_, ssrc=original)
            await self._take(unwrapped, codec_of_original, now, repeated=True)

    async def _takes(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> bool:
        """Return whether a packet belongs to the chosen layer, which it may change."""
        if self.layers is None:
            return True
        verdict = self.layers.take(packet, codec.name)
        if verdict is Verdict.WANTED:
            await self._ask_for_keyframe(packet.ssrc)
        if verdict is Verdict.FIRST and self._stream is not None:
            self._stream.restart()
        return verdict in (Verdict.TAKEN, Verdict.FIRST)

    async def _take(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> None:
        assert self._stream is not None, "packets are routed here from `receive` on"
        self._ssrc = packet.ssrc
        try:
            feedback = self._stream.receive(packet, codec, now, repeated=repeated)
        except ValueError as error:
            logger.debug("dropped a %s packet: %s", codec.name, error)
            return
        await self._follow(feedback, now)

    async def _follow(self, feedback: StreamFeedback, now: float) -> None:
        """Send what a stream wants of the peer, and set the time for what is due."""
        if feedback.missing:
            nack = RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._rtcp_ssrc, self._ssrc)
            nack.lost = sorted(feedback.missing)  # aiortc cannot write them where they wrap
            await self._send(nack)
        if feedback.keyframe:
            await self._ask_for_keyframe(self._ssrc)
        if feedback.due != self._due:
            self._due = feedback.due
            self._set_timer(now)

    async def _ask_for_keyframe(self, ssrc: int) -> None:
        await self._send(RtcpPsfbPacket(RTCP_PSFB_PLI, self._rtcp_ssrc, ssrc))

    async def _run(self) -> None:
        """Send reports, and tell the stream the time when something is due."""
        while True:
            self._set_timer(self._link.clock.now())
            await self._wake.wait()
            self._wake.clear()
            now = self._link.clock.now()
            if now >= self._report_at:
                self._report_at = now + REPORT_INTERVAL * (0.5 + random.random())
                reports = self.sources.reception_reports(now)
                if reports:
                    await self._send(RtcpRrPacket(self._rtcp_ssrc, reports))
            if self._due is not None and now >= self._due and self._stream is not None:
                await self._follow(self._stream.poll(now), now)

    def _set_timer(self, now: float) -> None:
        """Wake the task when the next thing is due."""
        if self._timer is not None:
            self._timer.cancel()
        due = self._report_at if self._due is None else min(self._due, self._report_at)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, due - now), self._wake.set)

    async def _send(self, packet: SupportsBytes) -> None:
        """Send a report or a request; without a connection it is lost."""
        try:
            await self.transport._send_rtp(bytes(packet))
        except ConnectionError as error:
            logger.debug("lost a %s: %s", type(packet).__name__, error)

    def _deliver(self, item: Delivered | None) -> None:
        assert self._track is not None, "aiortc makes the track before it starts the receiver"
        self._track._queue.put_nowait(item)
