"""What arrives from the network: counted, and dropped if it is malformed."""

import logging
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

from aiortc import RTCDtlsTransport, RTCPeerConnection

from rtc.aiortc_patches.connection import ice_connection, transports

logger = logging.getLogger(__name__)

P = ParamSpec("P")
MALFORMED = (AssertionError, LookupError, TypeError, ValueError, struct.error)


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
