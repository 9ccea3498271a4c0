"""A client that numbers its packets and hears the reports about them; stock aiortc cannot."""

import asyncio
import re

from aiortc import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, is_rtcp

from rtc.congestion.feedback import URI, Feedback, split_reports

EXTENSION = 5
KNOWN = {  # of the header extensions that aiortc offers: codecs/__init__.py
    1: "urn:ietf:params:rtp-hdrext:sdes:mid",
    2: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    3: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
}


def with_numbers(offer: str) -> str:
    """Return `offer` with transport-wide feedback for each codec of each section."""
    lines = []
    for line in offer.splitlines():
        lines.append(line)
        if found := re.match(r"a=rtpmap:(\d+) (?!rtx)", line):
            lines.append(f"a=rtcp-fb:{found[1]} transport-cc")
        if re.match("m=(audio|video)", line):
            lines.append(f"a=extmap:{EXTENSION} {URI}")
    return "".join(f"{line}\r\n" for line in lines)


class NumberedTransport:
    """Numbers what `transport` sends, from `first` on; `reports` has what is said about it."""

    def __init__(self, transport: RTCDtlsTransport, first: int = 0) -> None:
        self.sent = 0
        self.first = first
        self.reports: list[Feedback] = []
        self.heard = asyncio.Condition()
        self._extensions = HeaderExtensionsMap()
        known = {**KNOWN, EXTENSION: URI}
        self._extensions.configure(
            RTCRtpParameters(
                headerExtensions=[RTCRtpHeaderExtensionParameters(*item) for item in known.items()]
            )
        )
        self._send, self._hear = transport._send_rtp, transport._handle_rtcp_data
        transport._send_rtp = self._send_numbered  # type: ignore[method-assign]
        transport._handle_rtcp_data = self._take_reports  # type: ignore[method-assign]

    async def _send_numbered(self, data: bytes) -> None:
        if not is_rtcp(data):
            packet = RtpPacket.parse(data, self._extensions)
            number = (self.first + self.sent) % 65536
            packet.extensions.transport_sequence_number = number
            self.sent += 1
            data = packet.serialize(self._extensions)
        await self._send(data)

    async def _take_reports(self, data: bytes) -> None:
        found, rest = split_reports(data)
        async with self.heard:
            self.reports += [Feedback.parse(each) for each in found]
            self.heard.notify_all()
        await self._hear(rest)

    @property
    def arrived(self) -> list[int]:
        """The numbers of packets that were reported as arrived, in order."""
        return [
            (report.base + place) % 65536
            for report in self.reports
            for place, time in enumerate(report.arrivals)
            if time is not None
        ]
