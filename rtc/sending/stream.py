"""What makes packets of what is encoded: the interface of audio and video to their sender."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
from aiortc import MediaStreamTrack

from rtc.errors import EncoderError

CLOCK = Fraction(1, 90_000)  # seconds, RFC 3551 section 5
MIN_BITRATE = 30_000  # bit/s; x264's rate control fails below some 10 kbit/s


@dataclass(frozen=True, slots=True)
class Encoded:
    """The payloads of one frame and its time, in ticks of the codec's clock.

    `important` is sent twice while packets are lost. `level` is of audio, in -dBov: RFC 6464.
    """

    payloads: list[bytes]
    time: int
    important: bool = False
    level: int | None = None


class Encoding(Protocol):
    """Takes frames of a track and encodes them, on threads of its own."""

    async def next(self, track: MediaStreamTrack) -> Encoded | None:
        """Return the next frame, None if it cannot be sent.

        Raises:
            MediaStreamError: the track has ended.
        """
        ...

    def ask_for_keyframe(self) -> None: ...

    def close(self) -> None:
        """End the threads."""
        ...


class VideoEncoder:
    """What the encoders of all video codecs share: their target, and the order of frames.

    `max_bitrate` is the highest that is ever asked for.
    """

    def __init__(self, max_bitrate: int) -> None:
        self._max_bitrate = max(max_bitrate, MIN_BITRATE)
        self._bitrate = self._max_bitrate
        self._last_pts = -1

    @property
    def bitrate(self) -> int:
        """The target in bit/s; a new one applies from the next frame on, without a keyframe."""
        return self._bitrate

    @bitrate.setter
    def bitrate(self, bitrate: int) -> None:
        self._bitrate = min(max(bitrate, MIN_BITRATE), self._max_bitrate)

    def _newer_pts(self, frame: av.VideoFrame) -> int | None:
        """Return the timestamp of `frame` in ticks of CLOCK, None if it is not after the last.

        Raises:
            EncoderError: it has no timestamp.
        """
        if frame.pts is None or frame.time_base is None:
            raise EncoderError("expected a frame with a timestamp")
        pts = round(frame.pts * frame.time_base / CLOCK)
        return pts if pts > self._last_pts else None
