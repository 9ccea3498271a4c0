"""Incoming tracks: decoded frames become VideoFrames in session time, and audio is passed on.

A track is read as fast as frames arrive, because aiortc's queues are unbounded. Our channels are
bounded, and keep the newest items.
"""

import asyncio
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.channel import Channel
from media.clock import Clock
from media.frames import VIDEO_CLOCK_HZ, AudioChunk, Gap, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_from_av
from media.worker import Worker
from rtc.network import FrameCounters
from rtc.receiving.alignment import Alignment
from rtc.receiving.audio.placement import map_timestamp
from rtc.receiving.stream import Picture
from rtc.substitution import Substitution

OPENING = 2.0  # seconds after which black is taken for what the camera shows
BLACK = 16  # of 255: black, but for traces of compression
MAX_WAITING_FRAMES = 2  # decoded frames between the track and the conversion

ReceivedMedia = VideoFrame | AudioChunk | Gap


async def read_audio(
    track: MediaStreamTrack,
    media: Channel[ReceivedMedia],
    *,
    counters: FrameCounters,
) -> None:
    """Send the audio of `track` to `media`, with its gaps, until the track ends."""
    while (item := await _next_frame(track)) is not None:
        if isinstance(item, AudioChunk):
            counters.audio_frames_in += 1
        if isinstance(item, AudioChunk | Gap):
            await media.send(item)


@dataclass(frozen=True, slots=True)
class CameraOpening:
    """Whether a track shows its camera: a camera that opens, or a browser before it, sends black.

    `first` is the time of the first frame; `over` is True from the first frame on that is shown.
    """

    first: float | None = None
    over: bool = False

    def after(self, frame: VideoFrame) -> "CameraOpening":
        """Return the state after `frame`."""
        if self.over:
            return self
        first = frame.time if self.first is None else self.first
        black = bool(frame.pixels[::8, ::8].max() <= BLACK)
        return CameraOpening(first, not black or frame.time - first >= OPENING)


class ShownFrames:
    """Gives a session the frames of one track in order, and substitutes for those that are late.

    `period` is that of `Substitution`.
    """

    def __init__(
        self,
        media: Channel[ReceivedMedia],
        *,
        clock: Clock,
        period: float,
        counters: FrameCounters,
    ) -> None:
        self._media = media
        self._clock = clock
        self._counters = counters
        self._state = Substitution(period)
        self._newest: VideoFrame | None = None
        self._came = asyncio.Event()

    async def show(self, frame: VideoFrame, *, follows: bool) -> None:
        """Send `frame`, and the gap before it."""
        self._newest = frame
        self._came.set()
        self._state, gap = self._state.after(frame.pts, follows=follows)
        if gap is not None:
            await self._media.send(gap)
        await self._media.send(frame)

    async def stand_in(self) -> None:
        """Send a substitute whenever one is due, until it is cancelled."""
        while True:
            due = self._state.due()
            if due is None:
                self._came.clear()
                await self._came.wait()
            elif self._clock.now() < due:
                await self._clock.sleep_until(due)
            else:
                await self._substitute()

    async def _substitute(self) -> None:
        assert self._newest is not None, "what stands in has come"
        self._state = self._state.substituted()
        self._counters.video_substitutes += 1
        await self._media.send(replace(self._newest, stands_at=self._state.shown))


async def read_video(
    track: MediaStreamTrack,
    media: Channel[ReceivedMedia],
    *,
    clock: Clock,
    worker: Worker,
    limits: SizeLimits,
    period: float,
    alignment: Alignment,
    counters: FrameCounters,
) -> None:
    """Send the frames of `track` to `media` until the track ends; frames are dropped under load.

    If none comes for `period` seconds, the last one stands in.
    """
    waiting = Channel[Picture](MAX_WAITING_FRAMES, droppable=Picture)
    shown = ShownFrames(media, clock=clock, period=period, counters=counters)

    async def drain() -> None:
        offset, last = None, -1
        while (picture := await _next_frame(track)) is not None:
            if not isinstance(picture, Picture) or picture.frame.pts is None:
                continue
            frame, now = picture.frame, clock.now()
            counters.video_frames_in += 1
            pts = int(picture.frame.pts * _time_base(frame) * VIDEO_CLOCK_HZ)
            arrival = round(now * VIDEO_CLOCK_HZ)
            offset, position = map_timestamp(offset, pts, arrival, VIDEO_CLOCK_HZ)
            aligned = alignment.place_video(picture.sent, now)
            if aligned is not None:
                position = round(aligned * VIDEO_CLOCK_HZ)
            last = max(position, last + 1)
            frame.pts = last
            await waiting.send(picture)
            counters.video_frames_skipped = waiting.dropped
        await waiting.close()

    async def convert() -> None:
        opening = CameraOpening()
        async for picture in waiting:
            pts = picture.frame.pts
            assert pts is not None
            converted = await worker.run(
                frame_from_av, picture.frame, pts, limits, turns=picture.turns, webrtc=True
            )
            opening = opening.after(converted)
            if opening.over:
                await shown.show(converted, follows=picture.follows)

    async with asyncio.TaskGroup() as tasks:
        standing = tasks.create_task(shown.stand_in(), name="stand in for late video")
        tasks.create_task(drain(), name="drain video")
        await convert()
        standing.cancel()


async def _next_frame(track: MediaStreamTrack) -> object | None:
    """Return the next frame, or None once the track has ended."""
    try:
        return await track.recv()
    except MediaStreamError:
        return None


def _time_base(frame: av.VideoFrame) -> Fraction:
    """Return the seconds of one tick of `frame.pts`; PyAV 19 has its own type for it."""
    base = frame.time_base
    assert base is not None, "aiortc's decoders set a time base wherever they set pts"
    return Fraction(base.numerator, base.denominator)
