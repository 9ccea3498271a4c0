"""Encodes video at the bitrate that the path carries, the newest frame only."""

import asyncio
import logging
from collections.abc import Sequence
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from media.clock import Clock
from media.worker import Worker
from rtc.allocation.regions import Region
from rtc.allocation.steering import SCARCE_BITS_PER_PIXEL
from rtc.errors import EncoderError
from rtc.sending.outlet import Outlet
from rtc.sending.stream import Encoded
from rtc.sending.video.h264_encoder import X264Encoder
from rtc.sending.video.payloads import Vp8Payloads, h264_payloads
from rtc.sending.video.rules import KeyframePacing, Protection, encoder_bitrate
from rtc.sending.video.vp8_encoder import Vp8Encoder

logger = logging.getLogger(__name__)

CLOCK_RATE = 90_000  # Hz
PRESET = "superfast"  # of x264; faster ones look worse at low bitrates
MAX_FRAME_RATE = 30.0  # by which the cost of packets is guessed
STILL = 0.1  # seconds without a frame after which a keyframe is made of the last one
REPEATED = CLOCK_RATE // 1000  # ticks that such a keyframe is later than what it repeats


class Vp8Encoding:
    """Encodes and packs VP8."""

    def __init__(self, max_bitrate: int) -> None:
        self.encoder = Vp8Encoder(max_bitrate=max_bitrate)
        self._payloads = Vp8Payloads()

    def encode(
        self, frame: av.VideoFrame, *, keyframe: bool, regions: Sequence[Region]
    ) -> tuple[Encoded, bool] | None:
        """Return the next frame and whether it is a keyframe, None if it is not newer."""
        picture = self.encoder.encode(frame, keyframe=keyframe, regions=regions)
        if picture is None:
            return None
        payloads = self._payloads.of(picture)
        return Encoded(payloads, picture.pts, important=picture.layer == 0), picture.keyframe


class H264Encoding:
    """Encodes and packs H.264; every frame is a reference of the next one."""

    def __init__(self, max_bitrate: int) -> None:
        self.encoder = X264Encoder(max_bitrate=max_bitrate, preset=PRESET)

    def encode(
        self, frame: av.VideoFrame, *, keyframe: bool, regions: Sequence[Region]
    ) -> tuple[Encoded, bool] | None:
        """Return the next frame and whether it is a keyframe, None if it is not newer."""
        picture = self.encoder.encode(frame, keyframe=keyframe, regions=regions)
        if picture is None:
            return None
        return Encoded(h264_payloads(picture.data), picture.pts), picture.keyframe


class VideoEncoding:
    """Takes a frame when the path has room for it; `regions` are what the next one favours.

    Where the path is full, frames are left out before they are encoded, so what is sent is new.
    A keyframe that is asked for while no frame comes is made of the last one.
    """

    def __init__(
        self, codec: RTCRtpCodecParameters, outlet: Outlet, clock: Clock, max_bitrate: int
    ) -> None:
        self.regions: tuple[Region, ...] = ()
        self._codec = Vp8Encoding(max_bitrate) if codec.name == "VP8" else H264Encoding(max_bitrate)
        self._outlet = outlet
        self._clock = clock
        self._worker = Worker("send video")
        self._keyframes = KeyframePacing()
        self._protection = Protection()
        self._coming: asyncio.Task[object] | None = None
        self._last: av.VideoFrame | None = None

    def ask_for_keyframe(self) -> None:
        """Send a keyframe next, but not within a second of the last one."""
        self._keyframes.wanted = True

    async def next(self, track: MediaStreamTrack) -> Encoded | None:
        """Return the next frame of `track` that is sent."""
        await self._outlet.has_room()
        frame = await self._frame(track)
        now, rate = self._clock.now(), self._outlet.rate
        copies = self._protection.update(rate.loss, rate.round_trip) and self._layered
        bitrate = encoder_bitrate(
            rate.target, self._outlet.audio_bitrate, MAX_FRAME_RATE, copies=copies
        )
        self._codec.encoder.bitrate = int(bitrate)
        keyframe = self._keyframes.due(now)
        try:
            found = await self._worker.run(
                self._codec.encode, frame, keyframe=keyframe, regions=self._regions(frame, bitrate)
            )
        except EncoderError as error:
            logger.warning("a frame was not sent: %s", error)
            return None
        if found is None:
            return None
        encoded, was_keyframe = found
        if was_keyframe:
            self._keyframes.made(now)
        if encoded.important and not copies:
            return Encoded(encoded.payloads, encoded.time)
        return encoded

    def close(self) -> None:
        """End the thread, and the wait for a frame."""
        if self._coming is not None:
            self._coming.cancel()
        self._worker.end()

    def _regions(self, frame: av.VideoFrame, bitrate: float) -> tuple[Region, ...]:
        """Return the regions if bits are scarce: else all of the frame is good."""
        bits_per_pixel = bitrate / (frame.width * frame.height * MAX_FRAME_RATE)
        return self.regions if bits_per_pixel < SCARCE_BITS_PER_PIXEL else ()

    @property
    def _layered(self) -> bool:
        return isinstance(self._codec, Vp8Encoding)

    async def _frame(self, track: MediaStreamTrack) -> av.VideoFrame:
        """Return the next frame, or the last one again if a keyframe is due and none comes."""
        if self._coming is None:
            self._coming = asyncio.create_task(track.recv(), name="next frame")  # noqa: TID251
        while not (await asyncio.wait([self._coming], timeout=STILL))[0]:
            if self._last is not None and self._keyframes.due(self._clock.now()):
                return later(self._last)
        coming, self._coming = self._coming, None
        frame = coming.result()
        assert isinstance(frame, av.VideoFrame), "what our video tracks give"
        self._last = frame
        return frame


def later(frame: av.VideoFrame) -> av.VideoFrame:
    """Return `frame` a moment later."""
    assert frame.pts is not None, "what an encoder took has a time"
    assert frame.time_base is not None, "what an encoder took has a time"
    pts = round(frame.pts * frame.time_base * CLOCK_RATE) + REPEATED
    frame.pts, frame.time_base = pts, Fraction(1, CLOCK_RATE)
    return frame
