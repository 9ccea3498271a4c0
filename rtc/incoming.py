"""Incoming tracks: aiortc's decoded frames to VideoFrame and AudioChunk on the session's timeline.

A track is read as fast as frames come, because aiortc queues them without a bound. What waits
is in our channels, which keep the newest.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.audio.pcm import samples_from_av
from media.audio.resampling import Resampler, ResamplerState, Samples
from media.channel import Channel
from media.clock import Clock
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.video import SizeLimits, frame_from_av
from media.worker import Worker
from rtc.network import FrameCounters

MAX_SKEW = 5.0  # seconds between a frame's place and its arrival: more is a new start of its clock
MIN_GAP = 0.0025  # seconds: the shortest Opus frame, RFC 6716 section 2; less is rounding
MAX_WAITING_FRAMES = 2  # decoded frames between the track and the conversion


@dataclass(frozen=True, slots=True)
class TimestampMapping:
    """Where a track's own clock stands: its timestamp + `shift` is the place in the session."""

    shift: int


def map_timestamp(
    timeline: TimestampMapping | None, pts: int, arrival: int, rate: int
) -> tuple[TimestampMapping, int]:
    """Return where on the session's timeline `pts` lies; all count ticks of 1 / `rate` s.

    The first frame is placed where it arrived, and the others by their timestamps, so that a
    loss leaves a gap. A sender that starts its timestamps anew is placed by arrival again.
    """
    if timeline is not None and abs(pts + timeline.shift - arrival) <= MAX_SKEW * rate:
        return timeline, pts + timeline.shift
    return TimestampMapping(arrival - pts), arrival


@dataclass(frozen=True, slots=True)
class IncomingAudio:
    """A run of sound without a gap: `resampler` is None before the first.

    `expected` is the place of the next sample that comes, at `rate`; `start` that of the
    next one that goes out, at SAMPLE_RATE.
    """

    mapping: TimestampMapping | None = None
    rate: int = 0
    resampler: ResamplerState | None = None
    expected: int = 0
    start: int = 0


def receive_audio(
    state: IncomingAudio, samples: Samples, *, pts: int, rate: int, arrival: float
) -> tuple[IncomingAudio, list[AudioChunk]]:
    """Take decoded samples; return the chunks at SAMPLE_RATE that they complete.

    `pts` counts samples at `rate`; `arrival` is the session's time. Chunks never overlap and
    never go back; a gap between them is sound that was lost.
    """
    known = state.mapping if rate == state.rate else None
    timeline, position = map_timestamp(known, pts, round(arrival * rate), rate)
    chunks: list[AudioChunk] = []
    continues = rate == state.rate and abs(position - state.expected) <= MIN_GAP * rate
    if state.resampler is None or not continues:
        state, chunks = flush_audio(state)
        start = -(-position * SAMPLE_RATE // rate)
        resampling = Resampler(rate, SAMPLE_RATE).init_state()
        state = IncomingAudio(timeline, rate, resampling, position, max(start, state.start))
    assert state.resampler is not None
    resampling, made = Resampler(rate, SAMPLE_RATE).step(state.resampler, samples)
    state = replace(state, resampler=resampling, expected=state.expected + len(samples))
    state, more = _chunks(state, made)
    return state, chunks + more


def flush_audio(state: IncomingAudio) -> tuple[IncomingAudio, list[AudioChunk]]:
    """Return what the resampler still holds of the run so far."""
    if state.resampler is None:
        return state, []
    rest = Resampler(state.rate, SAMPLE_RATE).flush(state.resampler)
    return _chunks(replace(state, resampler=None), rest)


def _chunks(
    state: IncomingAudio, made: Sequence[Samples]
) -> tuple[IncomingAudio, list[AudioChunk]]:
    chunks, start = [], state.start
    for samples in made:
        chunks.append(AudioChunk(samples, start, SAMPLE_RATE))
        start += len(samples)
    return replace(state, start=start), chunks


async def read_audio(
    track: MediaStreamTrack,
    media: Channel[VideoFrame | AudioChunk],
    *,
    clock: Clock,
    tally: FrameCounters,
) -> None:
    """Send the sound of `track` into `media` until the track ends."""
    state = IncomingAudio()
    while (frame := await _next_frame(track)) is not None:
        if not isinstance(frame, av.AudioFrame) or frame.pts is None:
            continue
        tally.audio_frames_in += 1
        pts = int(frame.pts * _time_base(frame) * frame.sample_rate)
        state, chunks = receive_audio(
            state,
            samples_from_av(frame),
            pts=pts,
            rate=frame.sample_rate,
            arrival=clock.now(),
        )
        for chunk in chunks:
            await media.send(chunk)
    for chunk in flush_audio(state)[1]:
        await media.send(chunk)


async def read_video(
    track: MediaStreamTrack,
    media: Channel[VideoFrame | AudioChunk],
    *,
    clock: Clock,
    worker: Worker,
    limits: SizeLimits,
    tally: FrameCounters,
) -> None:
    """Send the pictures of `track` into `media` until the track ends; skips under load."""
    waiting = Channel[av.VideoFrame](MAX_WAITING_FRAMES, droppable=av.VideoFrame)

    async def drain() -> None:
        timeline, last = None, -1
        while (frame := await _next_frame(track)) is not None:
            if not isinstance(frame, av.VideoFrame) or frame.pts is None:
                continue
            tally.video_frames_in += 1
            pts = int(frame.pts * _time_base(frame) * VIDEO_CLOCK_HZ)
            arrival = round(clock.now() * VIDEO_CLOCK_HZ)
            timeline, position = map_timestamp(timeline, pts, arrival, VIDEO_CLOCK_HZ)
            last = max(position, last + 1)
            frame.pts = last
            await waiting.send(frame)
            tally.video_frames_skipped = waiting.dropped
        await waiting.close()

    async def convert() -> None:
        async for frame in waiting:
            assert frame.pts is not None
            await media.send(await worker.run(frame_from_av, frame, frame.pts, limits))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(drain(), name="drain pictures")
        tasks.create_task(convert(), name="convert pictures")


async def _next_frame(track: MediaStreamTrack) -> object | None:
    """Return the next frame, or None once the track has ended."""
    try:
        return await track.recv()
    except MediaStreamError:
        return None


def _time_base(frame: av.AudioFrame | av.VideoFrame) -> Fraction:
    """Return the seconds of one tick of `frame.pts`; PyAV 19 has a type of its own for it."""
    base = frame.time_base
    assert base is not None, "aiortc's decoders set a time base wherever they set pts"
    return Fraction(base.numerator, base.denominator)
