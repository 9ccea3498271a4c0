"""When a keyframe is sent, and when the base layer is sent twice: rules without I/O."""

import math
from dataclasses import dataclass

MIN_INTERVAL = 1.0  # seconds between two keyframes that are asked for
PROTECT_FROM, PROTECT_UNTIL = 0.03, 0.01  # loss at which copies begin and end
MIN_ROUND_TRIP = 0.05  # seconds; below it a repeated packet is as good as a copy
COPY_COST = 1.4  # times the bitrate of all layers: the base layer's share is sent twice
PACKET_OVERHEAD = 60  # bytes beside the payload: IP, UDP, SRTP, RTP and its extensions
PAYLOAD = 1100  # bytes of a full packet
BITS = 8  # in a byte


@dataclass(slots=True)
class KeyframePacing:
    """Requests of keyframes; of many within a second, the last is met when the second is over."""

    wanted: bool = False
    last: float = -math.inf

    def due(self, time: float) -> bool:
        """Return whether the next frame is to be a keyframe."""
        return self.wanted and time - self.last >= MIN_INTERVAL

    def made(self, time: float) -> None:
        """Note that a keyframe was sent."""
        self.wanted, self.last = False, time


@dataclass(slots=True)
class Protection:
    """Whether the base layer is sent twice."""

    on: bool = False

    def update(self, loss: float, round_trip: float) -> bool:
        """Return whether it is, at this loss in [0, 1] and round trip in seconds."""
        needed = loss >= (PROTECT_UNTIL if self.on else PROTECT_FROM)
        self.on = needed and round_trip >= MIN_ROUND_TRIP
        return self.on


def encoder_bitrate(target: float, audio: float, frame_rate: float, *, copies: bool) -> float:
    """Return what of `target`, which counts everything on the path, is left for encoded video."""
    left = max(0.0, target - audio) / (COPY_COST if copies else 1.0)
    full = PACKET_OVERHEAD / (PAYLOAD + PACKET_OVERHEAD) * left
    return max(0.0, left - max(full, BITS * PACKET_OVERHEAD * frame_rate))
