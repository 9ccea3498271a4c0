"""The orientation of video in RTP header extensions, which aiortc does not read.

A phone that is turned sends its pictures as the sensor sees them, and says how to turn them. A
client that cannot say it turns them before it encodes them.
"""

from dataclasses import dataclass

from aiortc import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, unpack_header_extensions

URI = "urn:3gpp:video-orientation"
TURNS = 0b11  # quarter turns clockwise to upright: 3GPP TS 26.114, section 7.4.5


@dataclass
class OrientedExtensions(HeaderExtensions):
    """The header extensions of a packet, with the quarter turns that make its picture upright."""

    video_orientation: int | None = None


class OrientationMap(HeaderExtensionsMap):
    """Reads the header extensions of one transport."""

    def __init__(self) -> None:
        super().__init__()
        self._id: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        """Take the numbers of extensions that were agreed on."""
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == URI:
                self._id = extension.id

    def get(self, extension_profile: int, extension_value: bytes) -> HeaderExtensions:
        """Return the extensions of a packet.

        Raises:
            ValueError: they are malformed.
        """
        values = super().get(extension_profile, extension_value)
        if self._id is None:
            return values
        for number, value in unpack_header_extensions(extension_profile, extension_value):
            if number == self._id and len(value) == 1:
                return OrientedExtensions(**vars(values), video_orientation=value[0] & TURNS)
        return values


def read_orientation(transport: RTCDtlsTransport) -> None:
    """Read the orientation of video that arrives at `transport`; call before it is used."""
    transport._rtp_header_extensions_map = OrientationMap()
