"""Video that says how it is to be turned, from a stock client."""

import numpy as np
import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap

from media.frames import VideoFrame
from rtc.aiortc_patches.orientation import URI, OrientationMap, OrientedExtensions
from tests.rtc.client import Camera, collect, connected, create_client, create_offer

NUMBER = 13
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"


class TurnedExtensions(HeaderExtensionsMap):
    """Adds an orientation to all that is sent."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self._turns = turns

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        return 0xBEDE, bytes([NUMBER << 4, self._turns, 0, 0])  # RFC 8285, section 4.2


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_pictures_arrive_upright(turns: int) -> None:
    upright = []
    for said in (0, turns):
        client = create_client(Camera())
        offer = await create_offer(client)
        video = "a=mid:0\r\n"
        assert video in offer
        offer = offer.replace(video, f"{video}a=extmap:{NUMBER} {URI}\r\n", 1)
        sender = vars(client.connection.getSenders()[0])
        assert "_RTCRtpSender__rtp_header_extensions_map" in sender
        sender["_RTCRtpSender__rtp_header_extensions_map"] = TurnedExtensions(said)
        async with connected(client, offer=offer) as peer:
            assert f"a=extmap:{NUMBER} {URI}" in peer.answer_sdp
            items = await collect(peer, pictures=3)
        upright.append([item.pixels for item in items if isinstance(item, VideoFrame)][-1])
    plain, turned = upright
    expected = np.rot90(plain, -turns)
    assert turned.shape == expected.shape
    assert np.abs(turned.astype(int) - expected).mean() < 25  # another frame of the clip


def test_the_orientation_is_read_beside_other_extensions() -> None:
    reader = OrientationMap()
    extensions = [
        RTCRtpHeaderExtensionParameters(id=1, uri=MID),
        RTCRtpHeaderExtensionParameters(id=NUMBER, uri=URI),
    ]
    reader.configure(RTCRtpParameters(headerExtensions=extensions))
    read = reader.get(0xBEDE, b"\x10a" + bytes([NUMBER << 4, 0b1010]) + b"\x00" * 4)
    assert isinstance(read, OrientedExtensions)
    assert (read.mid, read.video_orientation) == ("a", 2)
    assert not isinstance(reader.get(0xBEDE, b"\x10a\x00\x00"), OrientedExtensions)
    with pytest.raises(ValueError, match="truncated"):
        reader.get(0xBEDE, bytes([NUMBER << 4 | 3, 0]))
