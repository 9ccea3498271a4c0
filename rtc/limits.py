"""Limits of one peer."""

from dataclasses import dataclass, field

from media.sizes import SizeLimits
from rtc.congestion.rate_control import RateLimits
from rtc.messages import MessageLimits
from rtc.negotiation.offer import OfferLimits
from rtc.ports import PortRange


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLimits:
    """Limits of one peer.

    `frame_size` applies to video in both directions, `frame_rate` to video sent, and `bitrates`
    to all that is sent on one transport. At most
    `queued_media` items wait to be read, of which `queued_frames` may be video frames, and
    `queued_speech` seconds wait to be sent. Missing audio is waited for at most `audio_wait`
    seconds, and video for `video_wait`; where no frame comes for `substitute_after` seconds, the
    last one stands in. STUN servers have `gathering_timeout` seconds to tell our
    addresses. The peer is closed if it has not connected after `connect_timeout` seconds, or
    if nothing authentic comes from it for `silence_timeout` seconds, answers to consent checks
    included (RFC 7675, section 5.1); after `lost_timeout` seconds of that it is `silent`.
    `loopback` also offers 127.0.0.1, for a browser on this machine that has no other network.
    Sockets are bound to `ports`, or to any.
    """

    offer: OfferLimits = field(default_factory=OfferLimits)
    messages: MessageLimits = field(default_factory=MessageLimits)
    frame_size: SizeLimits = field(default_factory=SizeLimits)
    frame_rate: float = 30.0
    bitrates: RateLimits = field(default_factory=RateLimits)
    queued_media: int = 256
    queued_frames: int = 4
    queued_speech: float = 30.0
    audio_wait: float = 0.5
    video_wait: float = 0.4
    substitute_after: float = 0.25
    gathering_timeout: float = 0.5
    connect_timeout: float = 20.0
    lost_timeout: float = 2.5
    silence_timeout: float = 30.0
    loopback: bool = True
    ports: PortRange | None = None
