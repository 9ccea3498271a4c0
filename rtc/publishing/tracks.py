"""The tracks of a publisher: frames within the orders, and audio in packets of 20 ms."""

import math
from collections.abc import Callable
from dataclasses import replace

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from media.audio.pcm import samples_to_av
from media.channel import Channel
from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_to_av
from media.worker import Worker
from rtc.publishing.orders import Orders

PACKET = SAMPLE_RATE // 50  # samples: 20 ms, RFC 7587 section 4.2
MAX_SILENCE = SAMPLE_RATE  # samples of a gap that are filled; a longer one is a jump in time
SLACK = 0.01  # seconds by which a frame may come early: clips are not regular


class PublishedVideo(MediaStreamTrack):
    """Takes frames from a channel, no more than the orders ask for, and in their size."""

    kind = "video"

    def __init__(
        self,
        channel: Channel[VideoFrame],
        worker: Worker,
        orders: Callable[[], Orders],
        limits: SizeLimits,
    ) -> None:
        super().__init__()
        self.size = (0, 0)  # of the newest frame that was sent
        self.sent = 0  # frames
        self._channel = channel
        self._worker = worker
        self._orders = orders
        self._limits = limits
        self._next = -math.inf  # seconds of the clip at which the next frame is due

    async def recv(self) -> av.VideoFrame:
        """Return the next frame; called by aiortc."""
        async for frame in self._channel:
            if self.readyState != "live":
                break
            orders = self._orders()
            period = 1 / orders.frame_rate
            if frame.time < self._next - SLACK:
                continue
            # The pace is kept over frames that come a little early or late.
            self._next = max(self._next, frame.time - SLACK) + period
            limits = scaled(frame, self._limits, orders.scale)
            picture = await self._worker.run(frame_to_av, frame, limits)
            self.size = (picture.width, picture.height)
            self.sent += 1
            return picture
        self.stop()
        raise MediaStreamError


class PublishedAudio(MediaStreamTrack):
    """Takes audio from a channel and returns it in packets of equal length."""

    kind = "audio"

    def __init__(self, channel: Channel[AudioChunk]) -> None:
        super().__init__()
        self._channel = channel
        self._rest = AudioChunk(np.zeros(0, np.float32), 0, SAMPLE_RATE)

    async def recv(self) -> av.AudioFrame:
        """Return the next 20 ms; called by aiortc."""
        while len(self._rest.samples) < PACKET:
            chunk = await anext(aiter(self._channel), None)
            if chunk is None or self.readyState != "live":
                self.stop()
                raise MediaStreamError
            self._rest = joined(self._rest, chunk)
        samples, start = self._rest.samples, self._rest.start
        self._rest = replace(self._rest, samples=samples[PACKET:], start=start + PACKET)
        return samples_to_av(samples[:PACKET], SAMPLE_RATE, start)


def scaled(frame: VideoFrame, limits: SizeLimits, scale: float) -> SizeLimits:
    """Return the limits of `frame` if it is first bounded by `limits`, then divided by `scale`."""
    height, width = frame.pixels.shape[:2]
    longer, shorter = max(width, height), min(width, height)
    factor = min(1.0, limits.longer / longer, limits.shorter / shorter) / scale
    longer, shorter = (max(16, round(side * factor)) for side in (longer, shorter))
    return SizeLimits(longer=longer, shorter=shorter)


def joined(rest: AudioChunk, chunk: AudioChunk) -> AudioChunk:
    """Return `rest` and `chunk` as one, with silence between them if there is a short gap.

    After a long gap, or if time goes back, it is `chunk` alone.
    """
    gap = chunk.start - rest.end
    if not len(rest.samples) and gap:
        return chunk
    if not 0 <= gap <= MAX_SILENCE:
        return chunk
    silence = np.zeros(gap, np.float32)
    return replace(rest, samples=np.concatenate([rest.samples, silence, chunk.samples]))
