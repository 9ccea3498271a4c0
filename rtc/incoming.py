"""Incoming tracks: converts aiortc's decoded frames to VideoFrame and AudioChunk in session time.

A track is read as fast as frames arrive, because aiortc's queues are unbounded. Our channels are
bounded, and keep the newest items.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.audio.downmix import DownmixState, mono_from_av
from media.audio.resampling import Resampler, ResamplerState, Samples
from media.channel import Channel
from media.clock import Clock
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_from_av
from media.worker import Worker
from rtc.network import FrameCounters

MAX_SKEW = 5.0  # seconds between a frame's timestamp and its arrival; more means a restarted clock
MIN_GAP = 0.0025  # seconds: the shortest Opus frame, RFC 6716 section 2; less is rounding
OPENING = 2.0  # seconds after which black is taken for what the camera shows
BLACK = 16  # of 255: black, but for traces of compression
MAX_WAITING_FRAMES = 2  # decoded frames between the track and the conversion


def map_timestamp(offset: int | None, pts: int, arrival: int, rate: int) -> tuple[int, int]:
    """Return the offset of the track's timestamps to session time, and `pts` in session time.

    All values are ticks of 1 / `rate` s. The first frame is placed at its arrival, and later ones
    by their timestamps, so that lost frames leave a gap. If a sender restarts its timestamps, the
    next frame is placed at its arrival again.
    """
    if offset is not None and abs(pts + offset - arrival) <= MAX_SKEW * rate:
        return offset, pts + offset
    return arrival - pts, arrival


@dataclass(frozen=True, slots=True)
class IncomingAudio:
    """The state of an incoming audio track.

    `offset` is that of `map_timestamp`. `expected` is the position of the next sample to arrive,
    at `rate`; `start` that of the next sample to leave, at SAMPLE_RATE. `resampler` is None at
    the start and after a gap.
    """

    offset: int | None = None
    rate: int = 0
    resampler: ResamplerState | None = None
    expected: int = 0
    start: int = 0


def receive_audio(
    state: IncomingAudio, samples: Samples, *, pts: int, rate: int, arrival: float
) -> tuple[IncomingAudio, list[AudioChunk]]:
    """Take decoded samples; return the chunks at SAMPLE_RATE that they complete.

    `pts` counts samples at `rate`; `arrival` is in session time. Chunks never overlap or go back;
    a gap between them is lost audio.
    """
    known = state.offset if rate == state.rate else None
    offset, position = map_timestamp(known, pts, round(arrival * rate), rate)
    chunks: list[AudioChunk] = []
    continues = rate == state.rate and abs(position - state.expected) <= MIN_GAP * rate
    if state.resampler is None or not continues:
        state, chunks = flush_audio(state)
        start = -(-position * SAMPLE_RATE // rate)
        resampler = Resampler(rate, SAMPLE_RATE).init_state()
        state = IncomingAudio(offset, rate, resampler, position, max(start, state.start))
    assert state.resampler is not None
    resampler, outputs = Resampler(rate, SAMPLE_RATE).step(state.resampler, samples)
    state = replace(state, resampler=resampler, expected=state.expected + len(samples))
    state, more = _chunks(state, outputs)
    return state, chunks + more


def flush_audio(state: IncomingAudio) -> tuple[IncomingAudio, list[AudioChunk]]:
    """Return the audio that the resampler still holds, and reset it."""
    if state.resampler is None:
        return state, []
    rest = Resampler(state.rate, SAMPLE_RATE).flush(state.resampler)
    return _chunks(replace(state, resampler=None), rest)


def _chunks(
    state: IncomingAudio, outputs: Sequence[Samples]
) -> tuple[IncomingAudio, list[AudioChunk]]:
    chunks, start = [], state.start
    for samples in outputs:
        chunks.append(AudioChunk(samples, start, SAMPLE_RATE))
        start += len(samples)
    return replace(state, start=start), chunks


async def read_audio(
    track: MediaStreamTrack,
    media: Channel[VideoFrame | AudioChunk],
    *,
    clock: Clock,
    counters: FrameCounters,
) -> None:
    """Send the audio of `track` to `media` until the track ends."""
    state, downmix = IncomingAudio(), DownmixState()
    while (frame := await _next_frame(track)) is not None:
        if not isinstance(frame, av.AudioFrame) or frame.pts is None:
            continue
        counters.audio_frames_in += 1
        pts = int(frame.pts * _time_base(frame) * frame.sample_rate)
        downmix, samples = mono_from_av(downmix, frame)
        state, chunks = receive_audio(
            state,
            samples,
            pts=pts,
            rate=frame.sample_rate,
            arrival=clock.now(),
        )
        for chunk in chunks:
            await media.send(chunk)
    for chunk in flush_audio(state)[1]:
        await media.send(chunk)


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


async def read_video(
    track: MediaStreamTrack,
    media: Channel[VideoFrame | AudioChunk],
    *,
    clock: Clock,
    worker: Worker,
    limits: SizeLimits,
    counters: FrameCounters,
) -> None:
    """Send the frames of `track` to `media` until the track ends; frames are dropped under load."""
    waiting = Channel[av.VideoFrame](MAX_WAITING_FRAMES, droppable=av.VideoFrame)

    async def drain() -> None:
        offset, last = None, -1
        while (frame := await _next_frame(track)) is not None:
            if not isinstance(frame, av.VideoFrame) or frame.pts is None:
                continue
            counters.video_frames_in += 1
            pts = int(frame.pts * _time_base(frame) * VIDEO_CLOCK_HZ)
            arrival = round(clock.now() * VIDEO_CLOCK_HZ)
            offset, position = map_timestamp(offset, pts, arrival, VIDEO_CLOCK_HZ)
            last = max(position, last + 1)
            frame.pts = last
            await waiting.send(frame)
            counters.video_frames_skipped = waiting.dropped
        await waiting.close()

    async def convert() -> None:
        opening = CameraOpening()
        async for frame in waiting:
            assert frame.pts is not None
            converted = await worker.run(frame_from_av, frame, frame.pts, limits, webrtc=True)
            opening = opening.after(converted)
            if opening.over:
                await media.send(converted)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(drain(), name="drain video")
        tasks.create_task(convert(), name="convert video")


async def _next_frame(track: MediaStreamTrack) -> object | None:
    """Return the next frame, or None once the track has ended."""
    try:
        return await track.recv()
    except MediaStreamError:
        return None


def _time_base(frame: av.AudioFrame | av.VideoFrame) -> Fraction:
    """Return the seconds of one tick of `frame.pts`; PyAV 19 has its own type for it."""
    base = frame.time_base
    assert base is not None, "aiortc's decoders set a time base wherever they set pts"
    return Fraction(base.numerator, base.denominator)
