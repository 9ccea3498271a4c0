"""What of a transceiver is chosen by us instead of by aiortc: codecs, extensions, the receiver."""

from collections.abc import Callable, Sequence

from aiortc import MediaStreamTrack, RTCDtlsTransport, RTCPeerConnection, RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters

from rtc.receiving.receiver import Receiver

CreateReceiver = Callable[[str, RTCDtlsTransport], Receiver]


def agree(
    transceiver: RTCRtpTransceiver,
    codecs: Sequence[RTCRtpCodecParameters],
    extensions: Sequence[RTCRtpHeaderExtensionParameters],
) -> None:
    """Use `codecs` in place of aiortc's choice, and `extensions` as well as those that it knows."""
    transceiver._codecs = list(codecs)
    transceiver._headerExtensions = [*transceiver._headerExtensions, *extensions]


def use_receivers(connection: RTCPeerConnection, create: CreateReceiver) -> None:
    """Give each transceiver that `connection` will have a receiver of ours."""
    private = vars(connection)
    construct = connection._RTCPeerConnection__createTransceiver  # type: ignore[attr-defined]

    def create_transceiver(
        direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        transceiver: RTCRtpTransceiver = construct(direction, kind, sender_track)
        receiver = create(kind, transceiver.receiver.transport)
        receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
        vars(transceiver)["_RTCRtpTransceiver__receiver"] = receiver
        return transceiver

    private["_RTCPeerConnection__createTransceiver"] = create_transceiver


def receiver_of(transceiver: RTCRtpTransceiver) -> Receiver:
    """Return the receiver, which is ours."""
    receiver: object = transceiver.receiver
    assert isinstance(receiver, Receiver), "`use_receivers` comes before the transceivers"
    return receiver
