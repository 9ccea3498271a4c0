"""Counters of a connection."""

from aiortc import RTCPeerConnection
from aiortc.stats import RTCTransportStats

from rtc.aiortc_patches.connection import transports
from rtc.aiortc_patches.transceivers import receiver_of, sender_of
from rtc.network import FrameCounters, NetworkCounters, Reception
from rtc.sending.reports import FRACTION


def receptions(connection: RTCPeerConnection) -> tuple[Reception, ...]:
    """Return the reception of each incoming stream, without retransmission streams."""
    found = []
    for transceiver in connection.getTransceivers():
        receiver = receiver_of(transceiver)
        found += [
            Reception(
                expected=source.expected,
                received=source.received,
                jitter=source.jitter / source.rate,
                gaps=source.gaps,
                skipped=source.skipped,
            )
            for ssrc, source in receiver.sources
            if ssrc not in receiver.retransmissions
        ]
    return tuple(found)


def transferred_bytes(connection: RTCPeerConnection) -> tuple[int, int]:
    """Return the bytes received and sent, including DTLS and RTP headers."""
    reports = [
        stats
        for transport in transports(connection)
        for stats in transport._get_stats().values()
        if isinstance(stats, RTCTransportStats)
    ]
    return sum(s.bytesReceived for s in reports), sum(s.bytesSent for s in reports)


def peer_report(connection: RTCPeerConnection) -> tuple[float, float | None]:
    """Return the loss in [0, 1] and the round trip that the peer reports for our streams."""
    senders = [sender_of(transceiver) for transceiver in connection.getTransceivers()]
    loss = max((sender.reports.fraction_lost / FRACTION for sender in senders), default=0.0)
    trips = [sender.reports.round_trip for sender in senders]  # None before the second report
    return loss, min((trip for trip in trips if trip is not None), default=None)


def network_counters(
    connection: RTCPeerConnection, counters: FrameCounters, *, time: float, round_trip: float | None
) -> NetworkCounters:
    """Return the counters at `time`; a `round_trip` of None is taken from the peer's report."""
    size_in, size_out = transferred_bytes(connection)
    loss_out, reported_trip = peer_report(connection)
    return NetworkCounters(
        time=time,
        bytes_in=size_in,
        bytes_out=size_out,
        frames_in=counters.video_frames_in,
        frames_out=counters.video_frames_out,
        receptions=receptions(connection),
        loss_out=loss_out,
        round_trip=round_trip if round_trip is not None else reported_trip,
    )
