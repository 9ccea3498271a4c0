"""The RTP sender of one section, in place of aiortc's."""

import asyncio
import contextlib
import logging
import random
import struct
import uuid

from aiortc import MediaStreamTrack, RTCDtlsTransport
from aiortc.clock import current_ntp_time
from aiortc.codecs import is_rtx
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
    wrap_rtx,
)

from rtc.congestion.feedback import URI
from rtc.sending.audio_encoding import AudioEncoding
from rtc.sending.history import SentHistory
from rtc.sending.outlet import Outlet
from rtc.sending.outlets import Outlets
from rtc.sending.pacer import Priority
from rtc.sending.reports import StreamReports
from rtc.sending.stream import Encoded, Encoding
from rtc.sending.video.encoding import VideoEncoding

logger = logging.getLogger(__name__)

REPORT_INTERVAL = 1.0  # seconds between reports, varied by half of it: RFC 3550, section 6.2
MAX_SEQUENCE, MAX_TIME = 1 << 16, 1 << 32
NO_TRACK = 0.02  # seconds between two looks for a track
CNAME = 1  # type of an SDES item, RFC 3550 section 6.5.1


class Sender:
    """Encodes what `track` gives, and sends it over `transport`.

    aiortc's connection creates, starts and stops it, and its transport calls the handlers, as those
    of `RTCRtpSender`: hence the names.
    """

    def __init__(
        self, track_or_kind: MediaStreamTrack | str, transport: RTCDtlsTransport, outlets: Outlets
    ) -> None:
        self.kind = track_or_kind if isinstance(track_or_kind, str) else track_or_kind.kind
        self.transport = transport
        self.encoding: Encoding | None = None
        self.reports = StreamReports()
        self._enabled = True  # set by aiortc's transceiver
        self._ssrc, self._rtx_ssrc = random.getrandbits(32), random.getrandbits(32)
        self._stream_id = str(uuid.uuid4())
        self._track_id = ""
        self.track: MediaStreamTrack | None = None
        self.replaceTrack(None if isinstance(track_or_kind, str) else track_or_kind)
        self._outlets = outlets
        self._outlet: Outlet | None = None
        self._extensions = HeaderExtensionsMap()
        self._history = SentHistory()
        self._mid = ""
        self._cname = ""
        self._codec: RTCRtpCodecParameters | None = None
        self._rtx_type: int | None = None
        # In the lower half, so that a loss at the start does not hide a wrap from SRTP.
        self._sequence, self._rtx_sequence = (random.randrange(MAX_SEQUENCE // 2) for _ in range(2))
        self._first_time = random.getrandbits(32)
        self._tasks: list[asyncio.Task[None]] = []

    def replaceTrack(self, track: MediaStreamTrack | None) -> None:  # noqa: N802
        """Send `track` from now on."""
        self.track = track
        self._track_id = str(uuid.uuid4()) if track is None else track.id

    def setTransport(self, transport: RTCDtlsTransport) -> None:  # noqa: N802
        """Use `transport`, which is that of a bundle."""
        self.transport = transport

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Start; called again, do nothing."""
        if self._tasks:
            return
        codec = self._codec = parameters.codecs[0]
        self._mid, self._cname = parameters.muxId, parameters.rtcp.cname or ""
        self._rtx_type = next(
            (
                each.payloadType
                for each in parameters.codecs
                if is_rtx(each) and each.parameters["apt"] == codec.payloadType
            ),
            None,
        )
        self._extensions.configure(parameters)
        outlet = self._outlet = self._outlets.of(self.transport)
        outlet.numbered |= any(each.uri == URI for each in parameters.headerExtensions)
        self.transport._register_rtp_sender(self, parameters)
        outlet.start()
        if self.kind == "audio":
            self.encoding = AudioEncoding(codec)
        else:
            highest = int(self._outlets.limits.highest)
            self.encoding = VideoEncoding(codec, outlet, self._outlets.clock, highest)
        # They run until `stop`, which aiortc's connection calls.
        for name, run in (("send", self._run), ("report", self._report)):
            task = asyncio.create_task(run(), name=f"{name} {self.kind}")  # noqa: TID251
            task.add_done_callback(_log_failure)
            self._tasks.append(task)

    async def stop(self) -> None:
        """End, and wait until nothing runs."""
        if not self._tasks or self._outlet is None:
            return
        self.transport._unregister_rtp_sender(self)
        self._end()
        await asyncio.wait(self._tasks)
        await self._send_rtcp(bytes(RtcpByePacket([self._ssrc])))
        await self._outlet.stop()

    def abort(self) -> None:
        """End without waiting."""
        self._end()
        if self._outlet is not None:
            self._outlet.abort()

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.encoding is not None:
            self.encoding.close()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        """Take a report or a request of the peer."""
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._take_report(report)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            self._repeat(packet.lost)
        elif isinstance(packet, RtcpPsfbPacket) and self.encoding is not None:
            if packet.fmt in (RTCP_PSFB_FIR, RTCP_PSFB_PLI):
                self.encoding.ask_for_keyframe()
            elif packet.fmt == RTCP_PSFB_APP and self._outlet is not None:
                with contextlib.suppress(ValueError, struct.error):  # of another application
                    self._outlet.rate.estimate(unpack_remb_fci(packet.fci)[0])

    def _take_report(self, report: RtcpReceiverInfo) -> None:
        now = self._outlets.clock.now()
        packets = self.reports.take(report, now)
        if self.kind == "video" and self._outlet is not None:
            self._outlet.rate.receiver_report(
                report.fraction_lost, packets, now, self.reports.round_trip
            )

    def _repeat(self, numbers: list[int]) -> None:
        """Send packets again that the peer misses."""
        if self._outlet is None:
            return
        rate = self._outlet.rate
        for packet in self._history.requested(
            numbers, self._outlets.clock.now(), round_trip=rate.round_trip, bitrate=rate.target
        ):
            self._put_again(packet, Priority.REPEATED)

    def _put_again(self, packet: RtpPacket, priority: Priority) -> None:
        """Send a packet once more: in a stream of its own, if the peer has agreed on one."""
        assert self._outlet is not None, "nothing was sent before `send`"
        if self._rtx_type is None:
            self._outlet.put(packet, self._extensions, priority, kind=self.kind, same=True)
            return
        again = wrap_rtx(
            packet,
            payload_type=self._rtx_type,
            sequence_number=self._rtx_sequence,
            ssrc=self._rtx_ssrc,
        )
        again.extensions = HeaderExtensions(mid=self._mid)
        self._rtx_sequence = (self._rtx_sequence + 1) % MAX_SEQUENCE
        self._outlet.put(again, self._extensions, priority, kind=self.kind)

    async def _run(self) -> None:
        """Send what the track gives, until it ends."""
        assert self.encoding is not None, "set by `send`"
        while True:
            if self.track is None:
                await self._outlets.clock.sleep_until(self._outlets.clock.now() + NO_TRACK)
                continue
            try:
                encoded = await self.encoding.next(self.track)
            except MediaStreamError:
                return
            if encoded is not None and self._enabled:
                self._put(encoded)

    def _put(self, encoded: Encoded) -> None:
        """Put the packets of a frame into the outlet."""
        assert self._outlet is not None, "set by `send`"
        assert self._codec is not None, "set by `send`"
        time = (self._first_time + encoded.time) % MAX_TIME
        self.reports.ntp_time, self.reports.rtp_time = current_ntp_time(), time
        priority = Priority.URGENT if self.kind == "audio" else Priority.NORMAL
        packets = []
        for place, payload in enumerate(encoded.payloads):
            packet = RtpPacket(
                payload_type=self._codec.payloadType or 0,
                marker=int(place == len(encoded.payloads) - 1),
                sequence_number=self._sequence,
                timestamp=time,
                ssrc=self._ssrc,
                payload=payload,
            )
            self._sequence = (self._sequence + 1) % MAX_SEQUENCE
            packet.extensions.mid = self._mid
            if encoded.level is not None:
                packet.extensions.audio_level = (False, encoded.level)
            self._outlet.put(packet, self._extensions, priority, kind=self.kind, sent=self._sent)
            packets.append(packet)
        if encoded.important:
            for packet in packets:
                self._put_again(packet, Priority.EXTRA)

    def _sent(self, packet: RtpPacket) -> None:
        self.reports.packets += 1
        self.reports.octets += len(packet.payload)
        self._history.add(packet, self._outlets.clock.now())

    async def _report(self) -> None:
        """Send reports of what was sent."""
        clock = self._outlets.clock
        while True:
            await clock.sleep_until(clock.now() + REPORT_INTERVAL * (0.5 + random.random()))
            if not self.reports.packets:
                continue
            report = RtcpSrPacket(self._ssrc, self.reports.info(clock.now()))
            name = RtcpSourceInfo(self._ssrc, [(CNAME, self._cname.encode())])
            await self._send_rtcp(bytes(report) + bytes(RtcpSdesPacket([name])))

    async def _send_rtcp(self, data: bytes) -> None:
        """Send a report; without a connection it is lost."""
        try:
            await self.transport._send_rtp(data)
        except ConnectionError as error:
            logger.debug("lost a report: %s", error)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s failed", task.get_name(), exc_info=error)
