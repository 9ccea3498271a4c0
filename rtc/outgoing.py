"""Outgoing tracks: video frames and speech of a session, sent in real time.

aiortc asks a track for its next frame after it has sent the last one. Until then a track holds the
newest video frame, or a bounded queue of speech.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.audio.pcm import samples_to_av
from media.audio.resampling import Resampler, ResamplerState, Samples
from media.clock import Clock
from media.frames import AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.video import check_pixels, frame_to_av
from media.worker import Worker
from rtc.errors import PeerClosedError
from rtc.network import FrameCounters

OPUS_RATE = 48_000  # Hz: the clock of Opus, RFC 7587 section 4.1
FRAME_SAMPLES = 960  # samples of one frame: 20 ms
MAX_LAG = 0.1  # seconds; beyond it the schedule moves instead of catching up in a burst


class VideoTrack(MediaStreamTrack):
    """Sends the newest frame, at most `frame_rate` times a second, and no frame twice."""

    kind = "video"

    def __init__(
        self,
        *,
        clock: Clock,
        worker: Worker,
        frame_rate: float,
        limits: SizeLimits,
        counters: FrameCounters,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._worker = worker
        self._period = 1 / frame_rate
        self._limits = limits
        self._counters = counters
        self._newest: VideoFrame | None = None
        self._shown = asyncio.Event()
        self._sent_pts = -1
        self._due = 0.0

    def show(self, frame: VideoFrame) -> None:
        """Send `frame` next, in place of one that is still waiting; an older frame is ignored.

        Raises:
            ValueError: the pixels are not uint8 (height, width, 3).
        """
        check_pixels(frame.pixels)
        if frame.pts > self._sent_pts:  # encoders fail on a timestamp that does not grow
            self._newest = frame
            self._shown.set()

    async def recv(self) -> av.VideoFrame:
        """Return the next frame when it is due; called by aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._clock.sleep_until(self._due)
        while self._newest is None:
            self._shown.clear()
            await self._shown.wait()
        frame, self._newest = self._newest, None
        self._sent_pts = frame.pts
        # A frame that is late by less than a period does not delay the next one.
        self._due = max(self._due, self._clock.now() - self._period) + self._period
        self._counters.video_frames_out += 1
        return await self._worker.run(frame_to_av, frame, self._limits)


@dataclass(slots=True)
class _QueuedSpeech:
    """Speech at OPUS_RATE; `start` is the index of its first sample in the utterance."""

    samples: Samples
    start: int


class SpeechTrack(MediaStreamTrack):
    """Sends queued speech in real time, and silence while there is none.

    The queue holds at most `capacity` seconds and one chunk. `clear_count` counts its clearings.
    """

    kind = "audio"

    def __init__(self, *, clock: Clock, worker: Worker, capacity: float) -> None:
        super().__init__()
        self._clock = clock
        self._worker = worker
        self._capacity = round(capacity * OPUS_RATE)
        self._queue: deque[_QueuedSpeech] = deque()
        self._queued = 0
        self._appended = 0  # samples since the track began
        self._taken = asyncio.Event()  # set when samples leave the queue
        self._room = asyncio.Event()
        self._room.set()
        self._writing = asyncio.Lock()
        self._rate = 0
        self._resampler_state: ResamplerState | None = None
        self._expected = 0  # index in the utterance of the next sample to arrive, at self._rate
        self._end = 0  # index of the next sample to be queued, at OPUS_RATE
        self._played = 0
        self.clear_count = 0
        self._origin = 0.0
        self._sent = 0

    @property
    def played(self) -> float:
        """Seconds sent of the current utterance, or of the last one."""
        return self._played / OPUS_RATE

    async def play(self, chunk: AudioChunk, *, clear_count: int | None = None) -> None:
        """Queue `chunk`, when there is room; a chunk that starts at 0 begins an utterance.

        It is dropped if the queue was cleared after `clear_count` was read, or is meanwhile.

        Raises:
            PeerClosedError: the track has ended.
        """
        clear_count = self.clear_count if clear_count is None else clear_count
        async with self._writing:
            await self._room.wait()
            if self.readyState != "live":
                raise PeerClosedError("the peer has left: no speech can be sent to it")
            if clear_count == self.clear_count:
                await self._resample(chunk, clear_count)

    async def wait_played(self, *, clear_count: int) -> bool:
        """Wait until all queued speech was sent; return whether none of it was cleared."""
        if not self._writing.locked():
            self._flush_resampler()
        end = self._appended
        while self._appended - self._queued < end:
            if clear_count != self.clear_count or self.readyState != "live":
                return False
            self._taken.clear()
            await self._taken.wait()
        return clear_count == self.clear_count

    def clear(self) -> float:
        """Drop queued speech; return the seconds of the utterance that were sent."""
        self.clear_count += 1
        self._queue.clear()
        self._queued = 0
        self._resampler_state = None
        self._room.set()
        self._taken.set()
        return self.played

    async def recv(self) -> av.AudioFrame:
        """Return the next 20 ms when they are due; called by aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        due = self._origin + self._sent / OPUS_RATE
        if self._clock.now() > due + MAX_LAG:
            self._origin += self._clock.now() - due
        await self._clock.sleep_until(self._origin + self._sent / OPUS_RATE)
        frame = samples_to_av(self._take(), OPUS_RATE, self._sent)
        self._sent += FRAME_SAMPLES
        return frame

    def stop(self) -> None:
        super().stop()
        self._room.set()
        self._taken.set()

    async def _resample(self, chunk: AudioChunk, clear_count: int) -> None:
        """Append `chunk` at OPUS_RATE, unless the queue is cleared meanwhile."""
        resampler = Resampler(chunk.rate, OPUS_RATE)
        if (chunk.start, chunk.rate) != (self._expected, self._rate) or chunk.start == 0:
            self._flush_resampler()
        state = self._resampler_state
        if state is None:
            state = resampler.init_state()
            self._end = -(-chunk.start * OPUS_RATE // chunk.rate)
        self._rate, self._expected = chunk.rate, chunk.end
        try:
            state, outputs = await self._worker.run(resampler.step, state, chunk.samples)
        except asyncio.CancelledError as error:
            caller = asyncio.current_task()
            if caller is None or caller.cancelling():
                raise
            raise PeerClosedError("the peer left, and its worker has ended") from error
        if clear_count == self.clear_count:
            self._resampler_state = state
            for samples in outputs:
                self._append(samples)

    def _append(self, samples: Samples) -> None:
        self._queue.append(_QueuedSpeech(samples, self._end))
        self._end += len(samples)
        self._queued += len(samples)
        self._appended += len(samples)
        if self._queued >= self._capacity:
            self._room.clear()

    def _take(self) -> Samples:
        """Return 20 ms of queued speech, padded with silence."""
        if self._queued < FRAME_SAMPLES and not self._writing.locked():
            self._flush_resampler()
        taken, size = np.zeros(FRAME_SAMPLES, np.float32), 0
        while self._queue and size < FRAME_SAMPLES:
            first = self._queue[0]
            part = first.samples[: FRAME_SAMPLES - size]
            taken[size : size + len(part)] = part
            size += len(part)
            self._played = first.start + len(part)
            first.samples, first.start = first.samples[len(part) :], self._played
            if not len(first.samples):
                self._queue.popleft()
        self._queued -= size
        self._taken.set()
        if self._queued < self._capacity:
            self._room.set()
        return taken

    def _flush_resampler(self) -> None:
        """Append the last millisecond of the utterance, which the resampler still holds."""
        if self._resampler_state is None:
            return
        for samples in Resampler(self._rate, OPUS_RATE).flush(self._resampler_state):
            self._append(samples)
        self._resampler_state = None
