"""What a receiver does with the packets of one kind of media: the interface."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import av
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.frames import AudioChunk, Gap


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame; `turns` clockwise quarter turns make it upright.

    With `follows`, no frame was lost between it and the one before. It was captured when the
    sender's clock showed `sent` seconds, None if that is not known.
    """

    frame: av.VideoFrame
    turns: int = 0
    follows: bool = True
    sent: float | None = None


Delivered = Picture | AudioChunk | Gap
Deliver = Callable[[Delivered | None], None]
"""Takes what a stream has decoded, on the event loop; None is the end."""


@dataclass(frozen=True, slots=True)
class StreamFeedback:
    """What a stream wants after it was given a packet, or the time.

    The sequence numbers in `missing` are requested from the sender, and with `keyframe` a keyframe.
    At `due`, in seconds of the link's clock, the stream is given the time; None is never, and
    replaces what was due before.
    """

    missing: Sequence[int] = ()
    keyframe: bool = False
    due: float | None = None


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What relates RTP time to the sender's clock: RFC 3550, section 6.4.1.

    `sent` is the sender's wall clock in seconds, at which `timestamp` is.
    """

    ssrc: int
    sent: float
    timestamp: int


class Stream(Protocol):
    """Takes the RTP packets of one kind and delivers what is decoded."""

    def receive(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> StreamFeedback:
        """Take a packet; `repeated` means that it came on a retransmission stream.

        Raises:
            ValueError: the payload is malformed; the packet has changed nothing.
        """
        ...

    def poll(self, now: float) -> StreamFeedback:
        """Do what is due at `now`."""
        ...

    def restart(self) -> None:
        """Begin anew: what comes next belongs to another source."""
        ...

    def report(self, report: SenderReport, now: float) -> None:
        """Take a sender report."""
        ...

    def stop(self) -> None:
        """Deliver the end, once what is being decoded is done; nothing is received any more."""
        ...

    async def stopped(self) -> None:
        """Wait until nothing of the stream runs; call after `stop`."""
        ...
