"""What the receivers of one connection share: the time, the round trip, and who watches packets."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol, SupportsBytes

from media.clock import Clock
from rtc.receiving.alignment import Alignment

DEFAULT_ROUND_TRIP = 0.1  # seconds, until it is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An RTP packet that has arrived at `time`, retransmissions and padding included.

    `sequence` is its RTP sequence number, and `transport` stands for what it came over. `size`
    is that of the header without extensions, the payload and the padding, in bytes.
    `transport_sequence` is the transport-wide sequence number, and `send_time` the absolute
    send time in units of 2^-18 s (24 bits), each None if the packet does not have it.
    `rtcp_ssrc` is the source of our feedback.
    """

    time: float
    size: int
    ssrc: int
    sequence: int
    kind: str
    transport: Hashable
    transport_sequence: int | None
    send_time: int | None
    rtcp_ssrc: int


class PacketListener(Protocol):
    """Watches the packets of a connection, before anything is decided about them."""

    def arrived(self, arrival: Arrival) -> SupportsBytes | None:
        """Take a packet; what is returned is sent to the peer at once, as RTCP."""
        ...

    def forget(self, ssrc: int) -> None:
        """Delete what is kept about a source that is not heard any more."""
        ...


@dataclass(slots=True)
class Link:
    """`round_trip` is the last measured one in seconds, None before the first measurement.

    Missing audio is waited for at most `audio_wait` seconds, and video for `video_wait` seconds.
    """

    clock: Clock
    audio_wait: float = 0.5
    video_wait: float = 0.4
    round_trip: float | None = None
    listeners: list[PacketListener] = field(default_factory=list)
    alignment: Alignment = field(default_factory=Alignment)

    @property
    def expected_round_trip(self) -> float:
        return DEFAULT_ROUND_TRIP if self.round_trip is None else self.round_trip
