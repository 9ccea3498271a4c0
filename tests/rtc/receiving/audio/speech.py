"""Real speech for the tests of this folder."""

from functools import lru_cache

import av
import numpy as np

from media.audio.resampling import Samples
from media.frames import SAMPLE_RATE
from tests.paths import SPEECH
from tests.rtc.receiving.audio.call import encode

LOOKAHEAD = 104  # samples by which libopus delays sound: 312 at 48 kHz, RFC 7845 section 4.2


@lru_cache(maxsize=16)
def read_speech(name: str = "jfk.flac") -> Samples:
    """Return a recording at SAMPLE_RATE."""
    with av.open(str(SPEECH / name)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        frames = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    return np.concatenate(parts)


@lru_cache(maxsize=16)
def packets(seconds: float = 3.0, *, fec: bool = False, bitrate: int = 32_000) -> list[bytes]:
    """Return the start of a recording as Opus packets of 20 ms."""
    options = {"fec": "1", "packet_loss": "20"} if fec else {}
    return encode(read_speech()[: round(seconds * SAMPLE_RATE)], bitrate=str(bitrate), **options)


def snr(clean: Samples, noisy: Samples) -> float:
    """Return the signal-to-noise ratio of `noisy` in dB."""
    return float(10 * np.log10((clean**2).sum() / ((clean - noisy) ** 2).sum()))
