"""Limits of the SCTP association behind the data channels.

A peer may acknowledge what was never sent, skip ahead, open any number of streams, or begin
messages and never finish them. aiortc would compute or remember as much as it is asked to.
"""

import logging
from collections.abc import Callable, Coroutine
from struct import unpack_from
from typing import Any, TypeVar

from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCSctpTransport
from aiortc.rtcsctptransport import SCTP_TSN_MODULO, DataChunk, SackChunk

from rtc.aiortc_patches.datagrams import DatagramCounters

logger = logging.getLogger(__name__)

C = TypeVar("C")
MAX_AHEAD = 1024  # chunks after a gap: more than the receiver window has room for
MAX_UNFINISHED = 2048  # chunks of one stream: ten of the longest messages
MAX_STREAMS = 64  # incoming
COMMON_HEADER, HEADER = 12, 4  # bytes: of a packet, and of a chunk or parameter; RFC 9260 section 3
# Bytes before the parameters, by the type of chunk: INIT, INIT ACK, HEARTBEAT, HEARTBEAT ACK,
# ABORT, ERROR, RE-CONFIG; RFC 9260 section 3.3, RFC 6525 section 3.1
FIXED_PART = {1: 16, 2: 16, 4: 0, 5: 0, 6: 0, 9: 0, 130: 0}


def guard_association(connection: RTCPeerConnection, counters: DatagramCounters) -> None:
    """Count SCTP packets, which are authentic, and drop chunks that ask for too much."""
    sctp = connection.sctp
    if sctp is None:
        return
    handle, transmit = sctp._handle_data, sctp._transmit
    receive_data, receive_sack = sctp._receive_data_chunk, sctp._receive_sack_chunk

    async def handle_and_count(data: bytes) -> None:
        counters.authentic += 1
        check_parameters(data)
        await handle(data)

    async def transmit_unless_closed() -> None:
        if sctp._association_state != sctp.State.CLOSED:  # else a timer would send for ever
            await transmit()

    sctp._handle_data = handle_and_count  # type: ignore[method-assign]
    sctp._transmit = transmit_unless_closed  # type: ignore[method-assign]
    sctp._receive_data_chunk = _checked(receive_data, sctp, _asks_too_much, counters)  # type: ignore[method-assign, assignment]
    sctp._receive_sack_chunk = _checked(receive_sack, sctp, _acknowledges_unsent, counters)  # type: ignore[method-assign, assignment]


def check_parameters(packet: bytes) -> None:
    """Check the lengths of the parameters in an SCTP packet, with which aiortc goes on in a loop.

    Raises:
        ValueError: a parameter is shorter than its own header, RFC 9260 section 3.2.1.
    """
    place = COMMON_HEADER
    while place + HEADER <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, place)
        if kind in FIXED_PART:
            end = min(len(packet), place + length)
            parameter = place + HEADER + FIXED_PART[kind]
            while parameter + HEADER <= end:
                size = unpack_from("!H", packet, parameter + 2)[0]
                if size < HEADER:
                    raise ValueError(f"a parameter of an SCTP chunk has {size} bytes")
                parameter += -(-size // 4) * 4
        place += max(HEADER, -(-length // 4) * 4)


def lose_unsendable(transport: RTCDtlsTransport) -> None:
    """Let packets for a connection that is gone be lost, as on any network.

    aiortc raises instead, in tasks of timers, which writes a traceback for each.
    """
    send = transport._send_data

    async def send_or_lose(data: bytes) -> None:
        try:
            await send(data)
        except ConnectionError as error:
            logger.debug("lost a packet of %d bytes: %s", len(data), error)

    transport._send_data = send_or_lose  # type: ignore[method-assign]


def unread_message_bytes(connection: RTCPeerConnection) -> int:
    """Return the bytes of incomplete messages that are buffered."""
    if connection.sctp is None:
        return 0
    return sum(
        len(chunk.user_data)
        for stream in connection.sctp._inbound_streams.values()
        for chunk in stream.reassembly
    )


def _checked(
    receive: Callable[[C], Coroutine[Any, Any, None]],
    sctp: RTCSctpTransport,
    refuses: Callable[[RTCSctpTransport, C], bool],
    counters: DatagramCounters,
) -> Callable[[C], Coroutine[Any, Any, None]]:
    async def receive_or_drop(chunk: C) -> None:
        if refuses(sctp, chunk):
            counters.malformed += 1
        else:
            await receive(chunk)

    return receive_or_drop


def _asks_too_much(sctp: RTCSctpTransport, chunk: DataChunk) -> bool:
    if sctp._last_received_tsn is None:
        return True
    ahead = (chunk.tsn - sctp._last_received_tsn) % SCTP_TSN_MODULO
    stream = sctp._inbound_streams.get(chunk.stream_id)
    if stream is None:
        full = len(sctp._inbound_streams) >= MAX_STREAMS
    else:
        full = len(stream.reassembly) >= MAX_UNFINISHED
    return full or MAX_AHEAD < ahead < SCTP_TSN_MODULO // 2  # from there on, it is a duplicate


def _acknowledges_unsent(sctp: RTCSctpTransport, chunk: SackChunk) -> bool:
    """Return whether it names chunks that were not sent; each named one costs time."""
    sent = (sctp._local_tsn - 1 - chunk.cumulative_tsn) % SCTP_TSN_MODULO
    if sent >= SCTP_TSN_MODULO // 2:
        return True
    return sum(last - first + 1 for first, last in chunk.gaps) > sent or any(
        not 0 < first <= last <= sent for first, last in chunk.gaps
    )
