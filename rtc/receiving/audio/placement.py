"""Places decoded sound in session time, and corrects the drift between the two clocks: pure.

The first sound is placed at its arrival, and later sound by its timestamps, so that lost sound
leaves its place. The sender's sound card and our clock differ by up to some hundred millionths, a
second in an hour or two; and the first packet may have been a late one. So the place follows the
earliest arrivals, by one sample more or less in a chunk.
"""

from collections.abc import Sequence

import numpy as np

from media.audio.resampling import Resampler, ResamplerState, Samples
from media.frames import SAMPLE_RATE, AudioChunk

MAX_SKEW = 5.0  # seconds between sound and its arrival; more means a restarted clock
MIN_GAP = 0.0025  # seconds: the shortest Opus frame, RFC 6716 section 2; less is rounding
WINDOW = 5.0  # seconds in each of which the earliest arrival counts
TOLERANCE = 80  # samples, 5 ms: less is jitter, not drift
MIN_CHUNK = 80  # samples of a chunk that may be corrected: one of them is little


def map_timestamp(offset: int | None, pts: int, arrival: int, rate: int) -> tuple[int, int]:
    """Return the offset of the track's timestamps to session time, and `pts` in session time.

    All values are ticks of 1 / `rate` s. The first frame is placed at its arrival, and later ones
    by their timestamps, so that lost frames leave a gap. If a sender restarts its timestamps, the
    next frame is placed at its arrival again.
    """
    if offset is not None and abs(pts + offset - arrival) <= MAX_SKEW * rate:
        return offset, pts + offset
    return arrival - pts, arrival


class Drift:
    """The earliest arrivals of the last one or two windows, in samples after the timestamps."""

    def __init__(self) -> None:
        self._until = 0.0
        self._now: float | None = None
        self._before: float | None = None

    def note(self, delay: float, now: float) -> None:
        """Take the samples from a packet's timestamp to its arrival at `now`."""
        if self._now is None or now >= self._until:
            self._before, self._now, self._until = self._now, delay, now + WINDOW
        self._now = min(self._now, delay)

    @property
    def earliest(self) -> float | None:
        """The smallest delay, None before it is known well."""
        return None if self._before is None or self._now is None else min(self._before, self._now)


class AudioPlacement:
    """Session time for the sound of one track. Chunks never overlap or go back."""

    def __init__(self) -> None:
        self._offset: int | None = None  # of session time to timestamps, in samples
        self._clock = 0  # Hz of the timestamps
        self._rate = 0  # Hz of the sound
        self._resampler: ResamplerState | None = None  # None at the start and after a gap
        self._expected = 0  # position of the next sound, if there is no gap
        self._start = 0  # position of the next sample that leaves
        self._drift = Drift()
        self._correcting = False

    def restart(self) -> list[AudioChunk]:
        """Place what follows at its arrival; return the sound that the resampler still holds."""
        rest = self.flush()
        self._offset, self._clock = None, 0
        return rest

    def note_arrival(self, timestamp: int, *, clock: int, now: float) -> None:
        """Take the arrival of a packet; what its timestamp is in ticks of `clock`."""
        delay = now * SAMPLE_RATE - _samples(timestamp, clock)
        if self._offset is None or clock != self._clock:
            self._move(round(delay), clock)
        self._drift.note(delay, now)

    def position(self, timestamp: int) -> int | None:
        """Return the position of `timestamp`, None if nothing was placed yet."""
        if self._offset is None:
            return None
        return _samples(timestamp, self._clock) + self._offset

    def add(
        self, samples: Samples, *, timestamp: int, clock: int, rate: int, arrival: float
    ) -> list[AudioChunk]:
        """Take sound; return the chunks at SAMPLE_RATE that it completes.

        `timestamp` counts ticks of `clock`, `rate` is that of `samples`, and `arrival` the session
        time at which it came.
        """
        known = self._offset if clock == self._clock else None
        place = _samples(timestamp, clock)
        offset, position = map_timestamp(known, place, round(arrival * SAMPLE_RATE), SAMPLE_RATE)
        if offset != known:
            self._move(offset, clock)
        chunks: list[AudioChunk] = []
        off = abs(position - self._expected) > MIN_GAP * SAMPLE_RATE
        if self._resampler is None or rate != self._rate or off:
            chunks = self.flush()
            self._resampler = Resampler(rate, SAMPLE_RATE).init_state()
            self._expected = position
            self._start = max(position, self._start)
        self._rate = rate
        self._resampler, outputs = Resampler(rate, SAMPLE_RATE).step(self._resampler, samples)
        self._expected += len(samples) * SAMPLE_RATE // rate
        return chunks + self._chunks([self._corrected(each) for each in outputs])

    def flush(self) -> list[AudioChunk]:
        """Return the sound that the resampler still holds, and reset it."""
        if self._resampler is None:
            return []
        rest = Resampler(self._rate, SAMPLE_RATE).flush(self._resampler)
        self._resampler = None
        return self._chunks(rest)

    def _move(self, offset: int, clock: int) -> None:
        """Use another offset of session time to timestamps."""
        self._offset, self._clock, self._drift = offset, clock, Drift()

    def _chunks(self, outputs: Sequence[Samples]) -> list[AudioChunk]:
        chunks = []
        for samples in outputs:
            chunks.append(AudioChunk(samples, self._start, SAMPLE_RATE))
            self._start += len(samples)
        return chunks

    def _corrected(self, samples: Samples) -> Samples:
        """Return `samples` with one more or less if the place has drifted."""
        earliest = self._drift.earliest
        if earliest is None or self._offset is None or len(samples) < MIN_CHUNK:
            return samples
        error = earliest - self._offset
        if abs(error) < (1 if self._correcting else TOLERANCE):
            self._correcting = False
            return samples
        self._correcting = True
        step = 1 if error > 0 else -1
        self._offset += step
        self._expected += step
        return stretched(samples, step)


def stretched(samples: Samples, step: int) -> Samples:
    """Return `samples` interpolated to `step` samples more."""
    count = len(samples) + step
    places = np.arange(count) * (len(samples) / count)
    made: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    return made


def _samples(ticks: int, clock: int) -> int:
    """Return ticks of `clock` as samples at SAMPLE_RATE, rounded up."""
    return -(-ticks * SAMPLE_RATE // clock)
