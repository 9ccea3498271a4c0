"""Places decoded sound on the timeline of a file: mono at 16 kHz, whatever it is made of.

Every property of the sound may change at any frame: rate, channels, layout, sample format, and
the unit of its timestamps.
"""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from media.audio.downmix import DownmixState, mono_from_av
from media.frames import SAMPLE_RATE, AudioChunk

MIN_GAP = 0.1  # seconds: a timestamp further off its counted position marks a gap
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 3_100_000  # from speech codecs to DSD; others are damage


class AudioTimeline:
    """Converts decoded audio frames to chunks with their position on the timeline.

    Positions are counted in samples, so rounded timestamps cause no clicks. A timestamp that is
    off by more than `MIN_GAP` marks a real gap, and sets the position. One after `latest` seconds
    is damaged, and is ignored.
    """

    def __init__(self, origin: Fraction, latest: float) -> None:
        self._origin = origin
        self._latest = latest
        self._end = 0  # index after the last sample yielded
        self._due: Fraction | None = None  # expected time of the next input frame
        self._downmix = DownmixState()
        self._rate = SAMPLE_RATE  # Hz of the frames that `_resampler` takes
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def convert(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        """Yield the audio of `frame`; at a gap, first the rest of the audio before it.

        Raises:
            ValueError: the frame is damaged, or has an unknown sample format.
        """
        if not MIN_RATE_HZ <= frame.sample_rate <= MAX_RATE_HZ:
            raise ValueError(f"a sample rate of {frame.sample_rate} Hz")
        self._downmix, samples = mono_from_av(self._downmix, frame)
        time = self._time(frame)
        if time is not None and (self._due is None or abs(time - self._due) > MIN_GAP):
            yield from self.flush()
            self._end = max(self._end, round(time * SAMPLE_RATE))
            self._due = time
        if frame.sample_rate != self._rate:
            yield from self.flush()
            self._rate = frame.sample_rate
        if self._due is not None:
            self._due += Fraction(frame.samples, frame.sample_rate)
        mono = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        mono.sample_rate = frame.sample_rate
        for converted in self._resampler.resample(mono):
            yield from self._chunks(converted)

    def flush(self) -> Iterator[AudioChunk]:
        """Yield what the resampler still holds, and reset it."""
        resampler = self._resampler
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for converted in resampler.resample(None):
            yield from self._chunks(converted)

    def _time(self, frame: av.AudioFrame) -> Fraction | None:
        """Return the time of `frame` after the origin, None if it has none or a damaged one."""
        if frame.pts is None or not frame.time_base:
            return None
        time = frame.pts * frame.time_base - self._origin
        return time if time <= self._latest else None

    def _chunks(self, frame: av.AudioFrame) -> Iterator[AudioChunk]:
        samples = np.clip(frame.to_ndarray().reshape(-1), -1.0, 1.0).astype(np.float32, copy=False)
        if len(samples):
            yield AudioChunk(samples, self._end, SAMPLE_RATE)
            self._end += len(samples)
