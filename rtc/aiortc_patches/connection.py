"""Finds the parts of an aiortc connection."""

from aioice import Candidate, Connection
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCPeerConnection


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
