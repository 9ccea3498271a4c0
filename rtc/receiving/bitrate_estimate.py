"""aiortc's estimate of the bitrate of incoming video, which the peer is told (REMB)."""

from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtp import RTCP_PSFB_APP, AnyRtcpPacket, RtcpPsfbPacket, pack_remb_fci

from rtc.receiving.link import Arrival

MILLISECONDS = 1000


class BitrateEstimate:
    """Listens to the packets of a connection that have an absolute send time."""

    def __init__(self) -> None:
        self._estimator = RemoteBitrateEstimator()

    def arrived(self, arrival: Arrival) -> AnyRtcpPacket | None:
        """Take a packet; return a report to the peer if there is something new."""
        if arrival.kind != "video" or arrival.send_time is None:
            return None
        estimate = self._estimator.add(
            abs_send_time=arrival.send_time,
            arrival_time_ms=round(arrival.time * MILLISECONDS),
            payload_size=arrival.size,
            ssrc=arrival.ssrc,
        )
        if estimate is None:
            return None
        fci = pack_remb_fci(*estimate)
        return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=arrival.rtcp_ssrc, media_ssrc=0, fci=fci)

    def forget(self, ssrc: int) -> None:
        """Delete what is kept about a source."""
        self._estimator.ssrcs.pop(ssrc, None)
