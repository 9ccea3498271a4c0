"""x264 in the place of aiortc's encoder: regions, and a bitrate within the orders."""

from collections.abc import Callable
from typing import Any

import av
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from av.frame import Frame
from av.packet import Packet

from rtc.allocation.regions import Region
from rtc.allocation.steering import SCARCE_BITS_PER_PIXEL
from rtc.publishing.orders import Orders
from rtc.sending.stream import CLOCK
from rtc.sending.video.h264_encoder import X264Encoder

KEYFRAME_INTERVAL = (
    1.0  # seconds between two keyframes that are asked for: more would cost all bits
)


class SteeredEncoder(Encoder):
    """Encodes what the orders say; aiortc calls it in a thread.

    `target_bitrate` is what the receiver estimates (REMB); the lower of it and the orders is used.
    `focused` is whether the regions of the orders were used for the last frame.
    """

    def __init__(self, orders: Callable[[], Orders], *, max_bitrate: int) -> None:
        self.target_bitrate = max_bitrate
        self.focused = False
        self._orders = orders
        self._encoder = X264Encoder(max_bitrate=max_bitrate)
        self._packetizer = H264Encoder()
        self._keyframe_time = -KEYFRAME_INTERVAL
        self._keyframe_due = False

    @property
    def bitrate(self) -> int:
        """The bitrate in use, in bit/s."""
        return self._encoder.bitrate

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Return the payloads of the packets of `frame`, and its time in ticks of 90 kHz."""
        assert isinstance(frame, av.VideoFrame)
        orders = self._orders()
        self._encoder.bitrate = min(self.target_bitrate, orders.bitrate)
        regions = self._regions(orders, frame.width * frame.height)
        self.focused = bool(regions)
        time = float(frame.time or 0.0)
        self._keyframe_due = self._keyframe_due or force_keyframe
        asked = self._keyframe_due and time - self._keyframe_time >= KEYFRAME_INTERVAL
        picture = self._encoder.encode(frame, keyframe=asked, regions=regions)
        if picture is None or not picture.data:
            return [], 0
        if picture.keyframe:
            self._keyframe_due, self._keyframe_time = False, time
        packet = av.Packet(picture.data)
        packet.pts, packet.time_base = picture.pts, CLOCK
        return self.pack(packet)

    def pack(self, packet: "Packet[Any]") -> tuple[list[bytes], int]:
        """Split an encoded frame into payloads, RFC 6184."""
        return self._packetizer.pack(packet)

    def _regions(self, orders: Orders, pixels: int) -> tuple[Region, ...]:
        """Return the regions if bits are scarce: the network may allow less than the orders."""
        bits_per_pixel = self._encoder.bitrate / (pixels * orders.frame_rate)
        scarce = orders.focus or bits_per_pixel < SCARCE_BITS_PER_PIXEL
        return orders.regions if scarce else ()
