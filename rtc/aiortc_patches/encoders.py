"""What a sender of aiortc encodes with."""

from aiortc import RTCRtpSender
from aiortc.codecs.base import Encoder


def use_encoder(sender: RTCRtpSender, encoder: Encoder) -> None:
    """Encode the video of `sender` with `encoder`, which gets the estimates of the receiver too."""
    vars(sender)["_RTCRtpSender__encoder"] = encoder
