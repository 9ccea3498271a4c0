"""Limits of the data channels of a connection."""

from aiortc import RTCPeerConnection


def unread_message_bytes(connection: RTCPeerConnection) -> int:
    """Return the bytes of incomplete messages that are buffered."""
    if connection.sctp is None:
        return 0
    return sum(
        len(chunk.user_data)
        for stream in connection.sctp._inbound_streams.values()
        for chunk in stream.reassembly
    )
