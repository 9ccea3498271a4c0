"""The mel spectrogram that the speaker encoder was trained on.

Energies, not their logarithm: 40 mels of 25 ms every 10 ms, of sound that is raised to a level of
-30 dBFS if it is quieter.

Source: Resemblyzer 0.1.4, audio.py and hparams.py (librosa's melspectrogram, zeros at the edges).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.asr.whisper.mel import HOP, MARGIN, WINDOW, mel_filters

Samples = NDArray[np.float32]

MELS = 40
TARGET_LEVEL = -30.0  # dBFS of quiet sound after `raised`
MIN_POWER = 1e-12  # of sound that has a level at all


def mel_energies(samples: Samples) -> Tensor:
    """Return float32 (len(samples) // HOP + 1, MELS) of `samples`, float32 (n,) at 16 kHz.

    Frame `i` is centered on sample `i * HOP`; there are zeros before and after the sound.
    """
    padded = np.pad(samples, MARGIN)
    frames = torch.from_numpy(padded).unfold(0, WINDOW, HOP)
    spectrum = torch.fft.rfft(frames * torch.hann_window(WINDOW), dim=1)
    power = spectrum.real.square() + spectrum.imag.square()
    energies: Tensor = power @ mel_filters(MELS).T
    return energies


def raised(samples: Samples) -> Samples:
    """Return `samples`, with their level raised to `TARGET_LEVEL` if it is lower."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    level = 10 * np.log10(max(power, MIN_POWER))
    if level >= TARGET_LEVEL or power < MIN_POWER:
        return samples
    louder: Samples = samples * np.float32(10 ** ((TARGET_LEVEL - level) / 20))
    return louder
