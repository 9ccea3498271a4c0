"""Workarounds for limitations of aiortc 1.16, applied to one connection at a time.

The library itself is not patched: each function changes objects of one connection, between its
offer and its answer. They use private attributes, so they are all in this module, and the project
requires aiortc below 1.17.

| limitation of aiortc                                        | workaround                 |
|-------------------------------------------------------------|----------------------------|
| the queue of a decoder thread is unbounded                  | `bound_decoder_queue`      |
| a malformed REMB, SCTP or SDES packet ends the session      | `tolerate_malformed`       |
| 127.0.0.1 is never offered                                  | `offer_loopback`           |
| a lost peer is noticed only after 30 s                      | `count_datagrams`, `probe` |
| statistics of a retransmission stream hide the media stream | `receptions`               |
"""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

from aioice import Candidate, Connection, stun
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.stats import RTCRemoteInboundRtpStreamStats, RTCTransportStats

from rtc.decoding import DecodingQueue
from rtc.network import FrameCounters, NetworkCounters, Reception

logger = logging.getLogger(__name__)

P = ParamSpec("P")
LOOPBACK = "127.0.0.1"
MALFORMED = (AssertionError, LookupError, TypeError, ValueError, struct.error)
DECODER_CAPACITY = {"audio": 100, "video": 60}  # 2 s of either


def transports(connection: RTCPeerConnection) -> list[RTCDtlsTransport]:
    """Return the distinct transports of `connection`; a bundle has one."""
    found = [transceiver.receiver.transport for transceiver in connection.getTransceivers()]
    if connection.sctp is not None:
        found.append(connection.sctp.transport)
    return list(dict.fromkeys(found))


def ice_connection(transport: RTCIceTransport) -> Connection:
    return transport._connection


def local_candidates(transport: RTCDtlsTransport) -> list[Candidate]:
    """Return the gathered candidates of this end."""
    return ice_connection(transport.transport).local_candidates


def offer_loopback(transport: RTCIceTransport) -> None:
    """Add 127.0.0.1 to the candidates; call before they are gathered."""
    connection = ice_connection(transport)
    gather = connection.get_component_candidates

    async def gather_with_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [*addresses, LOOPBACK])

    connection.get_component_candidates = gather_with_loopback  # type: ignore[method-assign, assignment]


@dataclass(slots=True)
class DatagramCounters:
    """Counts received datagrams of any kind, and malformed packets."""

    datagrams: int = 0
    malformed: int = 0


def count_datagrams(transport: RTCDtlsTransport, arrivals: DatagramCounters) -> None:
    """Count every datagram from now on; call after candidates are gathered."""
    for protocol in ice_connection(transport.transport)._protocols:
        receive = protocol.datagram_received

        def counted(
            data: bytes | str,
            addr: tuple[Any, ...],
            receive: Callable[[bytes | str, tuple[Any, ...]], None] = receive,
        ) -> None:
            arrivals.datagrams += 1
            receive(data, addr)

        protocol.datagram_received = counted  # type: ignore[method-assign]


async def probe(transport: RTCDtlsTransport) -> float | None:
    """Measure the round trip to the peer in seconds; None if there is no answer in 0.5 s.

    This is the consent check of RFC 7675, which every WebRTC peer answers.
    """
    connection = ice_connection(transport.transport)
    pair = next(iter(connection._nominated.values()), None)
    if pair is None or connection.remote_password is None:
        return None
    loop = asyncio.get_running_loop()
    sent = loop.time()
    try:
        await pair.protocol.request(
            connection.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=connection.remote_password.encode(),
            retransmissions=0,
        )
    except stun.TransactionError:
        return None
    return loop.time() - sent


def tolerate_malformed(connection: RTCPeerConnection, arrivals: DatagramCounters) -> None:
    """Drop and count malformed packets, instead of ending the session."""

    def tolerant(handle: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
        async def handle_or_drop(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                await handle(*args, **kwargs)
            except MALFORMED as error:
                arrivals.malformed += 1
                logger.debug("dropped a malformed packet: %s %s", type(error).__name__, error)

        return handle_or_drop

    for transport in transports(connection):
        transport._handle_rtp_data = tolerant(transport._handle_rtp_data)  # type: ignore[method-assign, assignment]
        transport._handle_rtcp_data = tolerant(transport._handle_rtcp_data)  # type: ignore[method-assign, assignment]
    if connection.sctp is not None:
        connection.sctp._handle_data = tolerant(connection.sctp._handle_data)  # type: ignore[method-assign, assignment]


def unread_message_bytes(connection: RTCPeerConnection) -> int:
    """Return the bytes of incomplete messages that are buffered."""
    if connection.sctp is None:
        return 0
    return sum(
        len(chunk.user_data)
        for stream in connection.sctp._inbound_streams.values()
        for chunk in stream.reassembly
    )


def bound_decoder_queue(receiver: RTCRtpReceiver, kind: str) -> DecodingQueue:
    """Replace the decoder queue of `receiver` by a bounded one; call before it receives."""
    private = vars(receiver)
    keyframe_wanted = private["_RTCRtpReceiver__decoder_error"] if kind == "video" else None
    queue = DecodingQueue(DECODER_CAPACITY[kind], keyframe_wanted)
    if "_RTCRtpReceiver__decoder_queue" not in private:
        raise TypeError("expected aiortc 1.16: its receiver has no decoder queue")
    private["_RTCRtpReceiver__decoder_queue"] = queue
    return queue


def receptions(connection: RTCPeerConnection) -> tuple[Reception, ...]:
    """Return the reception of each incoming stream, without retransmission streams."""
    found = []
    for transceiver in connection.getTransceivers():
        private = vars(transceiver.receiver)
        retransmissions: dict[int, int] = private["_RTCRtpReceiver__rtx_ssrc"]
        streams: dict[int, StreamStatistics] = private["_RTCRtpReceiver__remote_streams"]
        found += [
            Reception(
                expected=stream.packets_expected,
                received=stream.packets_received,
                jitter=stream.jitter / transceiver._codecs[0].clockRate,
            )
            for ssrc, stream in streams.items()
            if ssrc not in retransmissions
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


async def peer_report(connection: RTCPeerConnection) -> tuple[float, float | None]:
    """Return the loss in [0, 1] and the round trip that the peer reports for our streams."""
    reports = [
        stats
        for stats in (await connection.getStats()).values()
        if isinstance(stats, RTCRemoteInboundRtpStreamStats)
    ]
    loss = max((s.fractionLost / 256 for s in reports), default=0.0)  # RFC 3550, section 6.4.1
    trips: list[float | None] = [s.roundTripTime for s in reports]  # None before the second report
    return loss, min((trip for trip in trips if trip is not None), default=None)


async def network_counters(
    connection: RTCPeerConnection, counters: FrameCounters, *, time: float, round_trip: float | None
) -> NetworkCounters:
    """Return the counters at `time`; a `round_trip` of None is taken from the peer's report."""
    size_in, size_out = transferred_bytes(connection)
    loss_out, reported_trip = await peer_report(connection)
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
