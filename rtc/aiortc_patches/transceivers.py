"""Codecs and header extensions of a transceiver, chosen by us instead of by aiortc."""

from collections.abc import Sequence

from aiortc import RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters


def agree(
    transceiver: RTCRtpTransceiver,
    codecs: Sequence[RTCRtpCodecParameters],
    extensions: Sequence[RTCRtpHeaderExtensionParameters],
) -> None:
    """Use `codecs` in place of aiortc's choice, and `extensions` as well as those that it knows."""
    transceiver._codecs = list(codecs)
    transceiver._headerExtensions = [*transceiver._headerExtensions, *extensions]
