"""Answers a validated offer: the direction of each track, and our ICE candidates.

The answer is complete, with all ICE candidates (no trickle).
"""

from collections.abc import Sequence

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from rtc.aiortc_patches.certificate import use_certificate
from rtc.aiortc_patches.connection import local_candidates, transports
from rtc.errors import BadOfferError, RtcError
from rtc.ice_servers import IceEndpoint, IceServer
from rtc.negotiation.offer import MALFORMED, Offer, Section

REFUSALS = (*MALFORMED, InternalError, InvalidAccessError, InvalidStateError)
CODECS = {"audio": "Opus, G.722 and G.711", "video": "VP8 and H.264 (baseline, mode 1)"}


def create_connection(ice_servers: Sequence[IceServer]) -> RTCPeerConnection:
    """Return a connection that uses these ICE servers and no others.

    Servers at an IPv6 address are for clients only: aiortc cannot read their URLs, and this end
    needs no server to learn an IPv6 address, which has no NAT.
    """
    servers = [
        RTCIceServer(
            [url for url in server.urls if ":" not in IceEndpoint.parse(url).host],
            server.username,
            server.credential,
        )
        for server in ice_servers
    ]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    use_certificate(connection)
    return connection


async def accept_offer(connection: RTCPeerConnection, offer: Offer) -> None:
    """Apply `offer`; then the connection has a transceiver for each media section.

    Raises:
        BadOfferError: the offer cannot be answered.
    """
    try:
        await connection.setRemoteDescription(RTCSessionDescription(offer.text, "offer"))
    except OperationError as error:
        kinds = [kind for kind in CODECS if kind in str(error)]
        known = "; ".join(f"{CODECS[kind]} for {kind}" for kind in kinds or CODECS)
        raise BadOfferError(f"the offer has no supported codec: expected {known}") from error
    except REFUSALS as error:
        raise BadOfferError(f"the offer cannot be used: {type(error).__name__} {error}") from error


async def create_answer(
    connection: RTCPeerConnection, offer: Offer, tracks: Sequence[MediaStreamTrack]
) -> str:
    """Return the answer to an accepted offer, with all candidates, and start to connect.

    Of each kind of media, the first suitable section is used for each direction; other sections
    are answered as inactive. Of `tracks`, the first of a kind is sent.

    Raises:
        RtcError: this machine has no network address.
    """
    for transceiver in connection.getTransceivers():
        kind = transceiver.kind
        track = next((track for track in tracks if track.kind == kind), None)
        receives = _matches(transceiver, offer.sending(kind))
        sends = track is not None and _matches(transceiver, offer.receiving(kind))
        transceiver.direction = _direction(receives=receives, sends=sends)
        if sends:
            transceiver.sender.replaceTrack(track)
    await connection.setLocalDescription()
    if not any(local_candidates(transport) for transport in transports(connection)):
        raise RtcError("this machine has no network address to answer with: connect a network")
    return connection.localDescription.sdp


def receiving_transceiver(
    connection: RTCPeerConnection, offer: Offer, kind: str
) -> RTCRtpTransceiver | None:
    """Return the transceiver that receives media of `kind`, or None."""
    section = offer.sending(kind)
    return next((t for t in connection.getTransceivers() if _matches(t, section)), None)


def _matches(transceiver: RTCRtpTransceiver, section: Section | None) -> bool:
    return (
        section is not None and transceiver.kind == section.kind and transceiver.mid == section.mid
    )


def _direction(*, receives: bool, sends: bool) -> str:
    """Return our direction of a section; aiortc limits it to what the client offered."""
    if receives and sends:
        return "sendrecv"
    if receives:
        return "recvonly"
    return "sendonly" if sends else "inactive"
