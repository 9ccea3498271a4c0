"""Sound at the edge: any PCM in, mono float32 at the rate that is asked for; and back.

Who decodes a codec or a container does that elsewhere; this module starts at PCM. Times stay
right to the sample: a resampled stream has no delay and never drifts, because the position
of every output is a ratio of integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal, get_args

import av
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from media.audio import g711

Samples = NDArray[np.float32]
Encoding = Literal["pcm16", "float32", "ulaw", "alaw"]

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
ZERO_CROSSINGS = 24  # of the sinc on each side of its centre, at the lower of the two rates
PASSBAND = 0.92  # of the lower Nyquist frequency; the transition ends near it
KAISER_BETA = 9.0  # side lobes below -90 dB, Kaiser and Schafer 1980
BLOCK_ROWS = 4_096  # outputs computed together: bounds the memory of a long chunk
SAMPLE_BYTES: dict[Encoding, int] = {"pcm16": 2, "float32": 4, "ulaw": 1, "alaw": 1}


@dataclass(frozen=True, slots=True, eq=False)
class ResamplerState:
    """`tail` holds the input from index `offset` on that later outputs need, float32 (n,).

    `produced` counts the outputs so far. Indexes below 0 are the silence before the stream.
    """

    tail: Samples
    offset: int
    produced: int


@dataclass(frozen=True, slots=True)
class Resampler:
    """Changes the sample rate of a stream: Streaming[ResamplerState, Samples, Samples].

    Output n lies at input time n * rate_in / rate_out, so its delay is nil; a stream of m
    samples gives exactly ceil(m * rate_out / rate_in). Band-limited interpolation with a
    Kaiser-windowed sinc: Smith 1984, "A flexible sampling-rate conversion method".

    Raises:
        ValueError: a rate is outside 4 to 192 kHz.
    """

    rate_in: int
    rate_out: int

    def __post_init__(self) -> None:
        for rate in (self.rate_in, self.rate_out):
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
                raise ValueError(
                    f"expected a sample rate of {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {rate}"
                )

    def init_state(self) -> ResamplerState:
        margin = filter_bank(self.rate_in, self.rate_out).shape[1] // 2 - 1
        return ResamplerState(np.zeros(margin, np.float32), -margin, 0)

    def step(self, state: ResamplerState, chunk: Samples) -> tuple[ResamplerState, list[Samples]]:
        """Take samples (n,) at `rate_in`; return those at `rate_out` that are now certain.

        Raises:
            ValueError: `chunk` is not 1-D.
        """
        if chunk.ndim != 1:
            raise ValueError(f"expected samples of shape (n,), got {chunk.shape}")
        if self.rate_in == self.rate_out:
            return state, [chunk.astype(np.float32, copy=False)] if len(chunk) else []
        ratio = Fraction(self.rate_out, self.rate_in)
        half = filter_bank(self.rate_in, self.rate_out).shape[1] // 2
        known = np.concatenate([state.tail, chunk.astype(np.float32, copy=False)])
        end = state.offset + len(known)
        until = max(state.produced, _ceil((end - half) * ratio))
        made = self._outputs(known, state.offset, state.produced, until)
        first = int(until / ratio) - half + 1  # the oldest input that output `until` needs
        tail = known[first - state.offset :].copy()
        return ResamplerState(tail, first, until), [made] if len(made) else []

    def flush(self, state: ResamplerState) -> Sequence[Samples]:
        """Return the rest, as if silence followed."""
        if self.rate_in == self.rate_out:
            return []
        half = filter_bank(self.rate_in, self.rate_out).shape[1] // 2
        end = state.offset + len(state.tail)
        known = np.concatenate([state.tail, np.zeros(half, np.float32)])
        until = _ceil(end * Fraction(self.rate_out, self.rate_in))
        made = self._outputs(known, state.offset, state.produced, until)
        return [made] if len(made) else []

    def _outputs(self, known: Samples, offset: int, start: int, until: int) -> Samples:
        """Return outputs `start` to `until`; `known` is the input from index `offset` on."""
        bank = filter_bank(self.rate_in, self.rate_out)
        up, taps = bank.shape
        down = Fraction(self.rate_in * up, self.rate_out).numerator
        made = np.empty(until - start, np.float32)
        if not len(made):
            return made
        windows = sliding_window_view(known, taps)
        for block in range(start, until, BLOCK_ROWS):
            n = np.arange(block, min(until, block + BLOCK_ROWS), dtype=np.int64)
            base, phase = np.divmod(n * down, up)
            rows = windows[base - (taps // 2 - 1) - offset]  # (rows, taps)
            made[block - start : block - start + len(n)] = np.einsum("nt,nt->n", rows, bank[phase])
        return made


@lru_cache(maxsize=16)
def filter_bank(rate_in: int, rate_out: int) -> NDArray[np.float32]:
    """Return the interpolation filters, one row for each phase: float32 (phases, taps).

    Row p weighs the inputs around a point p / phases after the middle one; every row sums
    to 1, so a constant stays that constant.
    """
    ratio = Fraction(rate_out, rate_in)
    cutoff = PASSBAND * min(1.0, float(ratio))  # of the input's Nyquist frequency
    half = _ceil(ZERO_CROSSINGS / min(Fraction(1), ratio))
    phase = np.arange(ratio.numerator)[:, None] / ratio.numerator  # (phases, 1)
    position = np.arange(-half + 1, half + 1)[None, :] - phase  # (phases, taps)
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (position / half) ** 2, 0, 1)))
    bank = np.sinc(cutoff * position) * window
    bank /= bank.sum(axis=1, keepdims=True)
    return bank.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PcmState:
    """`rest` are the bytes of an unfinished sample; the remainder belongs to the resampler."""

    remainder: bytes
    resampler: ResamplerState


@dataclass(frozen=True, slots=True)
class PcmDecoder:
    """Turns bytes of PCM into mono samples: Streaming[PcmState, bytes, Samples].

    Bytes may be cut anywhere. Channels are interleaved and averaged; pcm16 and float32 are
    little-endian.

    Raises:
        ValueError: an unknown encoding, no channel, or a rate outside 4 to 192 kHz.
    """

    encoding: Encoding
    rate_in: int
    rate_out: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in get_args(Encoding):
            raise ValueError(f"expected one of {get_args(Encoding)}, got {self.encoding!r}")
        if self.channels < 1:
            raise ValueError(f"expected at least 1 channel, got {self.channels}")
        Resampler(self.rate_in, self.rate_out)

    def init_state(self) -> PcmState:
        return PcmState(b"", Resampler(self.rate_in, self.rate_out).init_state())

    def step(self, state: PcmState, chunk: bytes) -> tuple[PcmState, Sequence[Samples]]:
        """Take any number of bytes; return the samples that they complete.

        Raises:
            ValueError: a float32 sample is not a finite number.
        """
        data = state.remainder + chunk
        whole = len(data) - len(data) % (SAMPLE_BYTES[self.encoding] * self.channels)
        samples = downmix(decode_pcm(data[:whole], self.encoding).reshape(-1, self.channels))
        resampling, made = Resampler(self.rate_in, self.rate_out).step(state.resampler, samples)
        return PcmState(data[whole:], resampling), made

    def flush(self, state: PcmState) -> Sequence[Samples]:
        """Return what the resampler still holds; an unfinished sample is lost."""
        return Resampler(self.rate_in, self.rate_out).flush(state.resampler)


def decode_pcm(data: bytes, encoding: Encoding) -> Samples:
    """Return the samples (n,) in [-1, 1] of whole, interleaved PCM.

    Raises:
        ValueError: a float32 sample is not a finite number.
    """
    match encoding:
        case "pcm16":
            return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        case "float32":
            samples = np.frombuffer(data, "<f4").astype(np.float32)
            if not np.isfinite(samples).all():
                raise ValueError("expected finite float32 samples, got NaN or infinity")
            return np.clip(samples, -1, 1)
        case "ulaw" | "alaw":
            return g711.decode(data, encoding).astype(np.float32) / np.float32(32768)


def encode_pcm(samples: Samples, encoding: Encoding) -> bytes:
    """Return `samples` (n,) as PCM; what lies outside [-1, 1] is clipped."""
    match encoding:
        case "pcm16":
            return to_int16(samples).astype("<i2", copy=False).tobytes()
        case "float32":
            return np.clip(samples, -1, 1).astype("<f4").tobytes()
        case "ulaw" | "alaw":
            return g711.encode(to_int16(samples), encoding)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Round and clip samples in [-1, 1] to 16 bits, keeping their shape."""
    rounded: Samples = np.rint(samples * np.float32(32768))
    return np.clip(rounded, -32768, 32767).astype(np.int16)


def downmix(samples: Samples) -> Samples:
    """Return the mean over the channels of `samples` (n, channels)."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    return mono


def samples_from_av(frame: av.AudioFrame) -> Samples:
    """Return the mono samples (n,) in [-1, 1] of a decoded frame of any format and layout."""
    samples = frame.to_ndarray()
    channels = frame.layout.nb_channels
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
    if samples.dtype == np.uint8:
        return downmix((samples.astype(np.float32) - 128) / np.float32(128))
    if np.issubdtype(samples.dtype, np.integer):
        scale = np.float32(2 ** (8 * samples.dtype.itemsize - 1))
        return downmix(samples.astype(np.float32) / scale)
    return downmix(samples.astype(np.float32))


def samples_to_av(samples: Samples, rate: int, pts: int) -> av.AudioFrame:
    """Return `samples` (n,) as a 16-bit mono frame; `pts` counts samples."""
    frame = av.AudioFrame.from_ndarray(to_int16(samples)[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = pts
    frame.time_base = Fraction(1, rate)
    return frame


def _ceil(value: Fraction) -> int:
    """Round up, exactly."""
    return -(-value.numerator // value.denominator)
