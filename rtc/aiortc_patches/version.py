"""Checks that this is the aiortc that the project was written for.

The project takes private names of aiortc, which may change without notice. Each is checked here,
so that another version ends with the name that it lacks, and not with a call that is silent.
"""

from functools import cache

import aiortc
from aioice import Connection
from aioice.ice import StunProtocol
from aiortc import (
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSctpTransport,
)
from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtcrtpreceiver import RemoteStreamTrack

from rtc.errors import RtcError

EXPECTED = "1.16."
SEAMS: dict[type, tuple[str, ...]] = {
    RTCPeerConnection: (
        "_RTCPeerConnection__certificates",
        "_RTCPeerConnection__createTransceiver",
        "_RTCPeerConnection__remoteRtp",
    ),
    RTCRtpTransceiver: (
        "_RTCRtpTransceiver__receiver",
        "_RTCRtpTransceiver__sender",
        "_codecs",
        "_headerExtensions",
        "_setCurrentDirection",
    ),
    RTCRtpSender: ("_RTCRtpSender__encoder", "_stream_id"),
    RTCDtlsTransport: (
        "_RTCDtlsTransport__local_certificate",
        "_get_stats",
        "_handle_rtcp_data",
        "_recv_next",
        "_register_rtp_receiver",
        "_register_rtp_sender",
        "_rtp_header_extensions_map",
        "_rtp_router",
        "_rx_srtp",
        "_send_data",
        "_send_rtp",
        "_setup_srtp",
        "_ssl",
        "_task",
        "_unregister_rtp_receiver",
        "_unregister_rtp_sender",
    ),
    RtpRouter: ("ssrc_table",),
    RTCIceGatherer: ("_connection",),
    RTCIceTransport: (
        "_RTCIceTransport__monitor_task",
        "_connection",
        "_monitor",
        "_recv",
        "_send",
    ),
    RTCSctpTransport: (
        "_association_state",
        "_handle_data",
        "_inbound_streams",
        "_last_received_tsn",
        "_local_tsn",
        "_receive_data_chunk",
        "_receive_sack_chunk",
        "_set_state",
        "_transmit",
    ),
    RemoteStreamTrack: ("_queue",),
    Connection: (
        "_check_list",
        "_check_list_done",
        "_check_list_state",
        "_closing",
        "_nominated",
        "_protocols",
        "_query_consent_task",
        "_queue",
        "build_request",
        "get_component_candidates",
        "query_consent",
    ),
    StunProtocol: ("datagram_received", "send_stun", "transactions"),
}


@cache
def check_version() -> None:
    """Check aiortc's version, and that what is taken of its private parts is there.

    Raises:
        RtcError: something is not as expected; the message names it.
    """
    if not aiortc.__version__.startswith(EXPECTED):
        raise RtcError(f"expected aiortc {EXPECTED}x, found {aiortc.__version__}")
    missing = [f"{owner.__name__}.{name}" for owner, name in _seams() if not _has(owner, name)]
    if missing:
        raise RtcError(f"this aiortc {aiortc.__version__} lacks {', '.join(missing)}")


def _seams() -> list[tuple[type, str]]:
    return [(owner, name) for owner, names in SEAMS.items() for name in names]


def _has(owner: type, name: str) -> bool:
    """Return whether the class has the attribute, or its constructor sets it."""
    names = owner.__init__.__code__.co_names  # type: ignore[misc]  # a function, as it is written in Python
    return hasattr(owner, name) or name in names
