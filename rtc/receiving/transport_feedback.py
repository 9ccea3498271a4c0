"""Feedback from which a peer finds out how much it may send.

A browser that numbers its packets is told when each arrived, ten times a second, and estimates for
itself. Another peer is told our own estimate (REMB).
"""

from collections.abc import Hashable
from typing import SupportsBytes

from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci

from rtc.congestion.arrivals import INTERVAL, ArrivalLog
from rtc.congestion.incoming import IncomingRate
from rtc.congestion.rate_control import RateLimits
from rtc.receiving.link import Arrival

LIMITS = RateLimits(lowest=30_000.0, start=400_000.0, highest=4_000_000.0)
# Room for three layers up to 1280 x 720, without which Chromium does not start the largest.
LAYERED = RateLimits(lowest=30_000.0, start=1_500_000.0, highest=4_000_000.0)


class TransportFeedback:
    """Listens to the packets of a connection, each of whose transports is seen by itself.

    `layered` is a peer that sends simulcast.
    """

    def __init__(self, *, layered: bool) -> None:
        self._limits = LAYERED if layered else LIMITS
        self._layered = layered
        self._logs: dict[Hashable, tuple[ArrivalLog, float]] = {}  # with the time of the report
        self._rates: dict[Hashable, IncomingRate] = {}
        self._videos: dict[int, None] = {}

    def arrived(self, arrival: Arrival) -> SupportsBytes | None:
        """Take a packet; return feedback if it is due."""
        if arrival.kind == "video":
            self._videos[arrival.ssrc] = None
        if arrival.transport_sequence is not None:
            return self._report(arrival, arrival.transport_sequence)
        return None if arrival.transport in self._logs else self._estimate(arrival)

    def forget(self, ssrc: int) -> None:
        """Delete what is kept about a source."""
        self._videos.pop(ssrc, None)
        for rate in self._rates.values():
            rate.forget(ssrc)

    def _report(self, arrival: Arrival, number: int) -> bytes | None:
        log, reported = self._logs.setdefault(arrival.transport, (ArrivalLog(), arrival.time))
        log.add(number, arrival.time)
        if arrival.time - reported < INTERVAL:
            return None
        self._logs[arrival.transport] = (log, arrival.time)
        # Chromium takes reports about its own sources alone, and this packet is of one of them.
        reports = log.reports(arrival.rtcp_ssrc, arrival.ssrc, arrival.time)
        return b"".join(bytes(report) for report in reports)

    def _estimate(self, arrival: Arrival) -> RtcpPsfbPacket | None:
        rate = self._rates.get(arrival.transport)
        if rate is None:
            rate = IncomingRate(self._limits, layered=self._layered)
            self._rates[arrival.transport] = rate
        rate.add(
            arrival.ssrc,
            arrival.sequence,
            arrival.size,
            arrival.time,
            sent=arrival.send_time,
            audio=arrival.kind == "audio",
        )
        if not self._videos or (bitrate := rate.message(arrival.time)) is None:
            return None
        fci = pack_remb_fci(bitrate, list(self._videos))
        return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=arrival.rtcp_ssrc, media_ssrc=0, fci=fci)
