"""Answers a validated offer: the direction of each track, and our ICE candidates.

The answer is complete, with all ICE candidates (no trickle).
"""

from collections.abc import Sequence
from functools import partial

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

from media.sizes import SizeLimits
from rtc.aiortc_patches.certificate import use_certificate
from rtc.aiortc_patches.connection import local_candidates, transports
from rtc.aiortc_patches.transceivers import agree, receiver_of, use_own
from rtc.aiortc_patches.version import check_version
from rtc.congestion.rate_control import RateLimits
from rtc.errors import BadOfferError, RtcError
from rtc.ice_servers import IceEndpoint, IceServer
from rtc.negotiation.answer import complete
from rtc.negotiation.offer import MALFORMED, Offer
from rtc.negotiation.sections import Section
from rtc.receiving.audio.opus import libopus
from rtc.receiving.layer_choice import LayerChoice
from rtc.receiving.link import Link
from rtc.receiving.receiver import Receiver
from rtc.receiving.transport_feedback import TransportFeedback
from rtc.sending.outlets import Outlets
from rtc.sending.sender import Sender

REFUSALS = (
    *MALFORMED,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


def create_connection(
    ice_servers: Sequence[IceServer], link: Link, bitrates: RateLimits | None = None
) -> RTCPeerConnection:
    """Return a connection that uses these ICE servers and no others.

    Its receivers share `link`; `bitrates` are for each transport on which it sends.

    Servers at an IPv6 address are for clients only: aiortc cannot read their URLs, and this end
    needs no server to learn an IPv6 address, which has no NAT.
    """
    check_version()
    libopus()
    servers = [
        RTCIceServer(
            [url for url in server.urls if ":" not in IceEndpoint.parse(url).host],
            server.username,
            server.credential,
        )
        for server in ice_servers
    ]
    # With aiortc's default, sections of one kind share a transport before the bundle is looked at,
    # and the transport of a bundle whose first section is not the first of its kind is closed.
    configuration = RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_COMPAT)
    connection = RTCPeerConnection(configuration)
    use_certificate(connection)
    outlets = Outlets(link.clock, bitrates or RateLimits())
    use_own(connection, partial(Receiver, link=link), partial(Sender, outlets=outlets))
    return connection


async def accept_offer(connection: RTCPeerConnection, offer: Offer) -> None:
    """Apply `offer`; then the connection has a transceiver for each section that can be met.

    Raises:
        BadOfferError: the offer cannot be answered.
    """
    try:
        await connection.setRemoteDescription(RTCSessionDescription(offer.text, "offer"))
    except REFUSALS as error:
        raise BadOfferError(f"the offer cannot be used: {type(error).__name__} {error}") from error
    for section in offer.sections:
        for transceiver in connection.getTransceivers():
            if _matches(transceiver, section):
                agree(transceiver, section.codecs, section.extensions)


def choose_layers(
    connection: RTCPeerConnection, offer: Offer, link: Link, limits: SizeLimits
) -> None:
    """Receive of each video the largest layer within `limits`; call after `accept_offer`."""
    videos = [section for section in offer.sections if section.kind == "video"]
    for section in videos:
        for transceiver in connection.getTransceivers():
            if _matches(transceiver, section):
                receiver_of(transceiver).layers = LayerChoice(
                    limits,
                    layers=[layer.removeprefix("~") for layer in section.layers],
                    retransmissions=section.retransmissions,
                )
    layered = any(section.layers for section in videos)
    link.listeners.append(TransportFeedback(layered=layered))


async def create_answer(
    connection: RTCPeerConnection, offer: Offer, tracks: Sequence[MediaStreamTrack]
) -> str:
    """Return the answer to an accepted offer, with all candidates, and start to connect.

    Of each kind of media, the first suitable section is used for each direction; other sections
    are answered as inactive, and those that cannot be met with port 0. Of `tracks`, the first of a
    kind is sent.

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
    return complete(connection.localDescription.sdp, offer)


def receiving_transceiver(
    connection: RTCPeerConnection, offer: Offer, kind: str
) -> RTCRtpTransceiver | None:
    """Return the transceiver that receives media of `kind`, or None."""
    section = offer.sending(kind)
    return next((t for t in connection.getTransceivers() if _matches(t, section)), None)


def _matches(transceiver: RTCRtpTransceiver, section: Section | None) -> bool:
    return (
        section is not None and transceiver.kind == section.kind and transceiver.mid == section.name
    )


def _direction(*, receives: bool, sends: bool) -> str:
    """Return our direction of a section; aiortc limits it to what the client offered."""
    if receives and sends:
        return "sendrecv"
    if receives:
        return "recvonly"
    return "sendonly" if sends else "inactive"
