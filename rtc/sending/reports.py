"""Sender reports and what the peer's reports say about a stream: RFC 3550, section 6.4."""

from dataclasses import dataclass

from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo

NTP_MIDDLE = 16  # bits below the middle 32 of an NTP time
NTP_UNIT = 1 << 16  # of the delay since the last report, in a second
MASK = 0xFFFFFFFF
FRACTION = 256  # unit of the fraction lost
KEPT = 8  # reports whose answers are waited for
MAX_JUMP = 10_000  # packets between two reports; more is a damaged report


@dataclass(slots=True)
class StreamReports:
    """Counts what was sent of one stream, and keeps what the peer reports of it.

    `fraction_lost` is of the last interval, in units of 1/256; `round_trip` in seconds, or None.
    """

    packets: int = 0
    octets: int = 0
    ntp_time: int = 0  # of the last frame,
    rtp_time: int = 0  # and its timestamp
    fraction_lost: int = 0
    round_trip: float | None = None
    _highest: int | None = None
    _sent: tuple[tuple[int, float], ...] = ()  # middle of the NTP time, and when

    def info(self, time: float) -> RtcpSenderInfo:
        """Return the report to send at `time`."""
        self._sent = (*self._sent, (self.ntp_time >> NTP_MIDDLE & MASK, time))[-KEPT:]
        return RtcpSenderInfo(
            ntp_timestamp=self.ntp_time,
            rtp_timestamp=self.rtp_time,
            packet_count=self.packets & MASK,
            octet_count=self.octets & MASK,
        )

    def take(self, report: RtcpReceiverInfo, time: float) -> int:
        """Take the peer's report; return how many packets it is about."""
        self.fraction_lost = report.fraction_lost
        for middle, sent in self._sent:
            if middle == report.lsr and report.dlsr:
                self.round_trip = max(0.0, time - sent - report.dlsr / NTP_UNIT)
        before, self._highest = self._highest, report.highest_sequence
        if before is None:
            return 0
        ahead = (report.highest_sequence - before) & MASK
        return ahead if ahead <= MAX_JUMP else 0
