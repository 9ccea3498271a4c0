"""Whisper's log-mel spectrogram, of a whole window or of a stream.

A frame is 25 ms wide and centered on a multiple of 10 ms, so frame `i` needs audio until 12.5 ms
after it. Normalization needs the loudest bin of the whole window and is a separate step, so the
frames of a stream never change.

Source: Radford et al. 2022, section 2.2; mel scale and area norm of Slaney's Auditory Toolbox.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.asr.words import RATE

WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
MARGIN = WINDOW // 2  # samples of sound on each side of a frame's center
MIN_ENERGY = 1e-10  # energies are at least this
DYNAMIC_RANGE = 8.0  # powers of ten below the loudest bin that are kept

Samples = NDArray[np.float32]


@cache
def mel_filters(mels: int) -> Tensor:
    """Return triangular filters of equal area, float32 (mels, WINDOW // 2 + 1)."""
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(RATE / 2), mels + 2))
    width = np.diff(edges)
    slopes = edges[:, None] - bins[None, :]
    rising = -slopes[:-2] / width[:-1, None]
    falling = slopes[2:] / width[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(triangles.astype(np.float32))


def log_mel(samples: Samples, mels: int = 80) -> Tensor:
    """Return Whisper's input for all of `samples`, float32 (mels, len(samples) // HOP).

    `samples` is float32 (n,) in [-1, 1] at 16 kHz, n a multiple of HOP or its tail is lost.

    Raises:
        ValueError: `samples` has another shape, or fewer than MARGIN + 1 values.
    """
    if samples.ndim != 1 or len(samples) <= MARGIN:
        raise ValueError(f"expected more than {MARGIN} samples in 1-D, got {samples.shape}")
    padded = np.pad(samples, MARGIN, mode="reflect")
    return normalize(_log_energies(padded, mels)[: len(samples) // HOP].T)


def normalize(log_energies: Tensor) -> Tensor:
    """Scale log10 energies of a whole window, of any shape, to about [-1, 1]."""
    return (torch.maximum(log_energies, log_energies.max() - DYNAMIC_RANGE) + 4.0) / 4.0


@dataclass(frozen=True, slots=True, eq=False)
class MelState:
    """Audio for the next frames, float32 (n,), n < WINDOW once started."""

    tail: Samples
    started: bool


class StreamingMel:
    """Frames of log10 mel energies, each a float32 (mels,), not normalized.

    They are the frames of `log_mel` before its normalization.
    """

    def __init__(self, mels: int = 80) -> None:
        self.mels = mels

    def init_state(self) -> MelState:
        return MelState(np.zeros(0, np.float32), started=False)

    def step(self, state: MelState, chunk: Samples) -> tuple[MelState, list[Tensor]]:
        """Consume float32 (n,) at 16 kHz."""
        tail, started = np.concatenate([state.tail, chunk]), state.started
        if not started and len(tail) > MARGIN:
            tail, started = np.concatenate([tail[MARGIN:0:-1], tail]), True
        count = max(0, (len(tail) - WINDOW) // HOP + 1) if started else 0
        if not count:
            return MelState(tail, started), []
        frames = _log_energies(tail, self.mels)
        return MelState(tail[count * HOP :], started), list(frames)

    def flush(self, state: MelState) -> list[Tensor]:
        """Return the frames that still wait for audio, as if it were mirrored at its end."""
        if not state.started:
            return []
        count = (len(state.tail) - MARGIN) // HOP
        padded = np.pad(state.tail, (0, MARGIN), mode="reflect")
        return list(_log_energies(padded, self.mels)[:count])


def _log_energies(samples: Samples, mels: int) -> Tensor:
    """Return log10 energies of each whole window, float32 (frames, mels)."""
    frames = torch.from_numpy(np.ascontiguousarray(samples)).unfold(0, WINDOW, HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(WINDOW), dim=1)
    power = spectrum.real.square() + spectrum.imag.square()
    energies: Tensor = power @ mel_filters(mels).T
    return energies.clamp(min=MIN_ENERGY).log10()


def _hz_to_mel(frequency: float) -> float:
    """Linear below 1 kHz, logarithmic above."""
    if frequency < 1000.0:
        return frequency * 3.0 / 200.0
    return 15.0 + 27.0 * float(np.log(frequency / 1000.0) / np.log(6.4))


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * 200.0 / 3.0
    return np.where(mel < 15.0, linear, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))
