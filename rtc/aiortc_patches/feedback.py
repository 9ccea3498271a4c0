"""Feedback about what arrives on a transport, which aiortc does not send.

A browser that counts its packets (`transport-cc`) is told when each arrived, ten times a second.
"""

from aiortc import RTCDtlsTransport
from aiortc.rtcdtlstransport import RtpReceiver
from aiortc.rtp import RtpPacket

from media.clock import Clock
from rtc.congestion.arrivals import ArrivalLog

SENDER_SSRC = 1  # of reports about a transport, which are of no stream of ours: as libwebrtc has it


class TransportFeedback:
    """Reports what `transport` receives; call `send` each `rtc.congestion.arrivals.INTERVAL`."""

    def __init__(self, transport: RTCDtlsTransport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._log = ArrivalLog()
        self._media_ssrc = 0
        self._route = transport._rtp_router.route_rtp
        transport._rtp_router.route_rtp = self._route_and_note  # type: ignore[method-assign]

    async def send(self) -> None:
        """Send what is to be reported; nothing if the transport is gone."""
        for report in self._log.reports(SENDER_SSRC, self._media_ssrc, self._clock.now()):
            try:
                await self._transport._send_rtp(bytes(report))
            except ConnectionError:
                return

    def _route_and_note(self, packet: RtpPacket) -> RtpReceiver | None:
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self._log.add(number, self._clock.now())
            self._media_ssrc = packet.ssrc  # Chromium takes reports about its own streams alone
        return self._route(packet)
