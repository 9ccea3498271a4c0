"""Received sound against sent sound: where it belongs, what is missing, how late it came."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from media.frames import SAMPLE_RATE
from tests.bench.transport.figures import quantile
from tests.bench.transport.logs import HeardSound, Samples
from tests.bench.transport.scene import PACKET, RATE, Speech, resampled

PACKET_SECONDS = PACKET / RATE
ENVELOPE = SAMPLE_RATE // 100  # samples: 10 ms
BLOCK = 2 * SAMPLE_RATE  # samples by which the place of sound is found
NEAR = SAMPLE_RATE // 5  # samples: how far the place of a block may be from that of the whole
EARLY, LATE = SAMPLE_RATE, 5 * SAMPLE_RATE  # samples between which the first sound was sent
QUIET = 1e-6  # mean square of sound in which nothing can be recognized
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Received:
    """Received sound on the timeline of what was sent, at 16 kHz.

    `covered` says for each sample whether it came, `concealed` whether it was made up instead.
    `offsets` are the indexes on that timeline of the receiver's first sample, by the sound of each
    BLOCK since `origin`, in samples: a receiver that corrects its clock moves them.
    """

    samples: Samples
    covered: NDArray[np.bool_]
    concealed: NDArray[np.bool_]
    origin: int
    offsets: tuple[int, ...]

    def moved(self, position: int) -> int:
        """Return where a position of the receiver's timeline, in samples, is on the sender's."""
        block = (position - self.origin) // BLOCK
        return position + self.offsets[min(max(0, block), len(self.offsets) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFigures:
    """Shares of the sound sent in a window that came or were concealed, and how late it came.

    `p50` and `p95` are seconds from when 20 ms of sound were complete to the receiver's hands,
    without the delay of the path; `last` is the median of the last three seconds.
    """

    delivered: float
    concealed: float
    p50: float
    p95: float
    last: float


def place(
    heard: Sequence[HeardSound], speech: Samples, concealed: Sequence[tuple[float, float]] = ()
) -> Received:
    """Put what was heard on the timeline of `speech`, by the best correlation of the two.

    `concealed` are spans of the receiver's timeline, in seconds.
    """
    rate = heard[0].rate
    origin = min(piece.start for piece in heard)
    size = max(piece.start + len(piece.samples) for piece in heard) - origin
    whole, came = np.zeros(size, np.float32), np.zeros(size, np.int8)
    for piece in heard:
        start = piece.start - origin
        whole[start : start + len(piece.samples)] = piece.samples
        came[start : start + len(piece.samples)] = 1
    for begun, ended in concealed:
        made_up = came[max(0, round(begun * rate) - origin) : max(0, round(ended * rate) - origin)]
        made_up[made_up == 1] = 2
    if rate != SAMPLE_RATE:
        whole = resampled(whole, rate, SAMPLE_RATE)[0].astype(np.float32)
        places = np.arange(len(whole)) * rate // SAMPLE_RATE
        came = came[np.minimum(places, size - 1)]
    loudness = envelope(whole, came > 0), envelope(speech, np.ones(len(speech), np.bool_))
    offset = ENVELOPE * best_offset(*loudness, range(-EARLY // ENVELOPE, LATE // ENVELOPE))
    first = round(origin * SAMPLE_RATE / rate)
    return Received(
        shifted(whole, offset, len(speech)),
        shifted(came == 1, offset, len(speech)),
        shifted(came == 2, offset, len(speech)),
        first,
        tuple(each - first for each in _block_offsets(whole, speech, offset)),
    )


def _block_offsets(whole: Samples, speech: Samples, offset: int) -> list[int]:
    """Return where `whole` begins in `speech` by each block of it; `offset` is nearly right."""
    found: list[int] = []
    for start in range(0, max(1, len(whole)), BLOCK):
        block = whole[start : start + BLOCK]
        around = shifted(speech, NEAR - start - offset, len(block) + 2 * NEAR)
        loud = float(np.square(block).mean()) > QUIET and float(np.square(around).mean()) > QUIET
        known = found[-1] if found else offset
        if loud:
            known = offset + best_offset(block, around, range(2 * NEAR)) - NEAR
        found.append(known)
    return found


def envelope(samples: Samples, known: NDArray[np.bool_]) -> Samples:
    """Return the loudness of each ENVELOPE samples beside its mean, 0 where not all are known."""
    count = len(samples) // ENVELOPE
    loudness = np.abs(samples[: count * ENVELOPE]).reshape(count, ENVELOPE).mean(axis=1)
    whole = known[: count * ENVELOPE].reshape(count, ENVELOPE).all(axis=1)
    mean = loudness[whole].mean() if whole.any() else 0.0
    return np.where(whole, loudness - mean, 0.0).astype(np.float32)


def best_offset(part: Samples, whole: Samples, offsets: range) -> int:
    """Return where `part` begins in `whole`, of `offsets`; negative is before it."""
    size = 1 << (len(part) + len(whole)).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    likeness = np.fft.irfft(product, size)
    return offsets[int(np.argmax(likeness[np.arange(offsets.start, offsets.stop) % size]))]


def shifted(values: NDArray[Kind], offset: int, size: int) -> NDArray[Kind]:
    """Return `values` from `offset` on among `size` zeros."""
    result = np.zeros(size, values.dtype)
    start, stop = max(0, offset), min(size, offset + len(values))
    if start < stop:
        result[start:stop] = values[start - offset : stop - offset]
    return result


def sound_figures(
    heard: Sequence[HeardSound],
    received: Received,
    spoken: Sequence[float],
    *,
    begin: float,
    end: float,
    delay: float,
) -> SoundFigures:
    """Return the figures of the packets that were complete between `begin` and `end`."""
    samples = round(PACKET_SECONDS * SAMPLE_RATE)
    numbers = [n for n, time in enumerate(spoken) if begin <= time < end]
    inside = slice(numbers[0] * samples, (numbers[-1] + 1) * samples)
    late: list[tuple[float, float]] = []
    for piece in heard:
        end_at = (piece.start + len(piece.samples)) * SAMPLE_RATE // piece.rate
        last = received.moved(end_at)
        number = max(0, (last - 1) // samples)
        if number < len(spoken) and begin <= spoken[number] < end:
            late.append((piece.time, piece.time - spoken[number] - delay))
    values = sorted(each for _, each in late)
    final = sorted(each for time, each in late if time > end - 3)
    return SoundFigures(
        delivered=float(received.covered[inside].mean()),
        concealed=float(received.concealed[inside].mean()),
        p50=quantile(values, 0.5),
        p95=quantile(values, 0.95),
        last=quantile(final, 0.5),
    )


def said(
    speech: Speech, received: Received, spoken: Sequence[float], begin: float, end: float
) -> tuple[str, Samples]:
    """Return the words of the clips that were said whole between `begin` and `end`, and the sound.

    Half a second around them is included.
    """
    inside = [
        clip
        for clip in speech.clips
        if begin <= _time(spoken, clip.start) and _time(spoken, clip.end) < end
    ]
    if not inside:
        return "", np.zeros(0, np.float32)
    start = max(0, round((inside[0].start - 0.5) * SAMPLE_RATE))
    stop = round((inside[-1].end + 0.5) * SAMPLE_RATE)
    return " ".join(clip.text for clip in inside), received.samples[start:stop]


def _time(spoken: Sequence[float], seconds: float) -> float:
    """Return when the sound at `seconds` was said."""
    number = int(seconds / PACKET_SECONDS)
    return spoken[number] if number < len(spoken) else math.inf
