"""PCM decoding and encoding: bytes or PyAV frames to mono float32 samples, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import av
import numpy as np
from numpy.typing import NDArray

from media.audio import g711
from media.audio.resampling import Resampler, ResamplerState, Samples

PcmEncoding = Literal["pcm16", "float32", "ulaw", "alaw"]

LOUDEST = 8.0  # of full scale: float formats may go over it
MAX_PLANES = 8  # with so many or more, PyAV 18 reads memory beyond them, and may crash
SAMPLE_BYTES: dict[PcmEncoding, int] = {"pcm16": 2, "float32": 4, "ulaw": 1, "alaw": 1}


@dataclass(frozen=True, slots=True, eq=False)
class PcmState:
    """`remainder` holds the bytes of an incomplete sample; `resampler` is the resampler's state."""

    remainder: bytes
    resampler: ResamplerState


@dataclass(frozen=True, slots=True)
class PcmDecoder:
    """Decodes PCM bytes to mono samples: Streaming[PcmState, bytes, Samples].

    Bytes may be split anywhere. Channels are interleaved, and are averaged. pcm16 and float32
    are little-endian.

    Raises:
        ValueError: an unknown encoding, no channel, or a rate outside 4 to 192 kHz.
    """

    encoding: PcmEncoding
    rate_in: int
    rate_out: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in get_args(PcmEncoding):
            raise ValueError(f"expected one of {get_args(PcmEncoding)}, got {self.encoding!r}")
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
        resampler, outputs = Resampler(self.rate_in, self.rate_out).step(state.resampler, samples)
        return PcmState(data[whole:], resampler), outputs

    def flush(self, state: PcmState) -> Sequence[Samples]:
        """Return what the resampler still holds; an incomplete sample is lost."""
        return Resampler(self.rate_in, self.rate_out).flush(state.resampler)


def decode_pcm(data: bytes, encoding: PcmEncoding) -> Samples:
    """Decode complete, interleaved PCM samples to float32 (n,) in [-1, 1].

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


def encode_pcm(samples: Samples, encoding: PcmEncoding) -> bytes:
    """Encode `samples` (n,) as PCM; values outside [-1, 1] are clipped."""
    match encoding:
        case "pcm16":
            return to_int16(samples).astype("<i2", copy=False).tobytes()
        case "float32":
            return np.clip(samples, -1, 1).astype("<f4").tobytes()
        case "ulaw" | "alaw":
            return g711.encode(to_int16(samples), encoding)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Round and clip samples in [-1, 1] to 16 bits; the shape is kept."""
    rounded: Samples = np.rint(samples * np.float32(32768))
    return np.clip(rounded, -32768, 32767).astype(np.int16)


def downmix(samples: Samples) -> Samples:
    """Average `samples` (n, channels) over the channels."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    return mono


def channels_from_av(frame: av.AudioFrame) -> Samples:
    """Return a decoded frame of any format as samples (n, channels) in [-1, 1]."""
    if frame.format.is_planar and frame.layout.nb_channels >= MAX_PLANES:
        packed = frame.format.packed
        frame = av.AudioResampler(packed, frame.layout, frame.sample_rate).resample(frame)[0]
    samples = frame.to_ndarray()
    channels = frame.layout.nb_channels
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) / np.float32(128)
    if np.issubdtype(samples.dtype, np.integer):
        scale = np.float32(2 ** (8 * samples.dtype.itemsize - 1))
        return samples.astype(np.float32) / scale
    # Damaged floats may be infinite or no numbers, which would spoil the filters after this.
    finite = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
    clipped: Samples = np.clip(finite, -LOUDEST, LOUDEST)
    return clipped


def samples_to_av(samples: Samples, rate: int, pts: int) -> av.AudioFrame:
    """Return `samples` (n,) as a 16-bit mono frame; `pts` counts samples."""
    frame = av.AudioFrame.from_ndarray(to_int16(samples)[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = pts
    frame.time_base = Fraction(1, rate)
    return frame
