"""When the rest of a frame is overdue.

A gap shows only when a later packet arrives, which for the last packets of a frame takes until the
next frame: 33 ms at 30 frames a second, a second at one. But a frame without its last packet has
more to come, and senders leave about the same time between its packets.
"""

import math

from rtc.receiving.video.packet import VideoPacket

SPACINGS = 4  # times the usual time between packets
MIN_WAIT, MAX_WAIT = 0.012, 0.1  # seconds
SMOOTHING = 8  # packets


class Tail:
    """`due` is when the next packet counts as lost; never, if the newest frame is complete."""

    def __init__(self) -> None:
        self.due = math.inf
        self._newest: VideoPacket | None = None
        self._arrived = 0.0
        self._spacing = 0.0  # seconds between packets of one frame

    def follow(self, packet: VideoPacket, now: float, *, repeated: bool) -> None:
        """Take a packet that is not too late."""
        newest = self._newest
        if newest is not None and packet.sequence < newest.sequence:
            return
        if newest is not None and newest.timestamp == packet.timestamp and not repeated:
            self._spacing += (min(now - self._arrived, MAX_WAIT) - self._spacing) / SMOOTHING
        self._newest, self._arrived = packet, now
        whole = packet.ends or packet.is_padding
        self.due = math.inf if whole else now + max(MIN_WAIT, SPACINGS * self._spacing)
