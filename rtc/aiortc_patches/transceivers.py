"""What of a transceiver is chosen by us instead of by aiortc: codecs, extensions, the receiver."""

from collections.abc import Callable, Sequence

from aiortc import MediaStreamTrack, RTCDtlsTransport, RTCPeerConnection, RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters

from rtc.allocation.regions import Region
from rtc.receiving.receiver import Receiver
from rtc.sending.sender import Sender
from rtc.sending.video.encoding import VideoEncoding

CreateReceiver = Callable[[str, RTCDtlsTransport], Receiver]
CreateSender = Callable[[MediaStreamTrack | str, RTCDtlsTransport], Sender]


def agree(
    transceiver: RTCRtpTransceiver,
    codecs: Sequence[RTCRtpCodecParameters],
    extensions: Sequence[RTCRtpHeaderExtensionParameters],
) -> None:
    """Use `codecs` in place of aiortc's choice, and `extensions` as well as those that it knows."""
    transceiver._codecs = list(codecs)
    transceiver._headerExtensions = [*transceiver._headerExtensions, *extensions]


def use_own(
    connection: RTCPeerConnection, create_receiver: CreateReceiver, create_sender: CreateSender
) -> None:
    """Give each transceiver that `connection` will have a receiver of ours."""
    private = vars(connection)
    construct = connection._RTCPeerConnection__createTransceiver  # type: ignore[attr-defined]

    def create_transceiver(
        direction: str, kind: str, sender_track: MediaStreamTrack | None = None
    ) -> RTCRtpTransceiver:
        transceiver: RTCRtpTransceiver = construct(direction, kind, sender_track)
        receiver = create_receiver(kind, transceiver.receiver.transport)
        sender = create_sender(sender_track or kind, transceiver.sender.transport)
        sender._stream_id = transceiver.sender._stream_id
        receiver._set_rtcp_ssrc(sender._ssrc)
        private = vars(transceiver)
        private["_RTCRtpTransceiver__receiver"] = receiver
        private["_RTCRtpTransceiver__sender"] = sender
        return transceiver

    private["_RTCPeerConnection__createTransceiver"] = create_transceiver


def receiver_of(transceiver: RTCRtpTransceiver) -> Receiver:
    """Return the receiver, which is ours."""
    receiver: object = transceiver.receiver
    assert isinstance(receiver, Receiver), "`use_own` comes before the transceivers"
    return receiver


def sender_of(transceiver: RTCRtpTransceiver) -> Sender:
    """Return the sender, which is ours."""
    sender: object = transceiver.sender
    assert isinstance(sender, Sender), "`use_own` comes before the transceivers"
    return sender


def favour(connection: RTCPeerConnection, regions: tuple[Region, ...]) -> None:
    """Encode what `connection` sends with more quality in some `regions` than in others."""
    for transceiver in connection.getTransceivers():
        encoding = sender_of(transceiver).encoding
        if isinstance(encoding, VideoEncoding):
            encoding.regions = regions
