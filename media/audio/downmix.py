"""Mixes the channels of audio down to one, so that what a listener hears stays audible.

Surround is mixed as players mix it to stereo (ITU-R BS.775-4, annex 4), and the two sides are then
averaged. Stereo whose right side is the left one inverted would vanish: it is inverted back. If one
side is silent, the other is as loud as it is in a player.
"""

from dataclasses import dataclass

import av
import numpy as np

from media.audio.pcm import channels_from_av
from media.audio.resampling import Samples

HALF_POWER = 0.5**0.5
GAINS = {  # of a loudspeaker in the mean of left and right; the bass effects are left out
    "FL": 0.5,
    "FR": 0.5,
    "DL": 0.5,
    "DR": 0.5,
    "FC": HALF_POWER,
    "LFE": 0.0,
    "LFE2": 0.0,
}
SURROUND_GAIN = 0.5 * HALF_POWER  # of all others
Weights = tuple[float, float]  # of left and right
SAME, OPPOSITE, LEFT, RIGHT = (0.5, 0.5), (0.5, -0.5), (1.0, 0.0), (0.0, 1.0)
INVERTED, NORMAL = -0.95, -0.7  # correlations of left and right, below and above which they are so
SILENT = 1e-5  # of the energy of the other side: silent
AUDIBLE = 1e-3  # of the energy of the other side: not silent
QUIET = 1e-8  # mean square below which audio says nothing about its sides


@dataclass(frozen=True, slots=True)
class DownmixState:
    """The weights of left and right at the end of the audio so far."""

    weights: Weights = SAME


def mono_from_av(state: DownmixState, frame: av.AudioFrame) -> tuple[DownmixState, Samples]:
    """Return a decoded frame of any format and layout as mono samples (n,).

    They may exceed [-1, 1], if all loudspeakers are loud.
    """
    samples = channels_from_av(frame)
    channels = samples.shape[1]
    if channels == 1 or not len(samples):
        return state, samples.reshape(-1)[: len(samples)]
    if channels == 2:
        return mix_stereo(state, samples)
    return state, samples @ _gains([channel.name for channel in frame.layout.channels], channels)


def mix_stereo(state: DownmixState, samples: Samples) -> tuple[DownmixState, Samples]:
    """Mix left and right; if the weights change, they do so over the whole of `samples`."""
    left, right = np.mean(samples**2, axis=0)
    product = np.mean(samples[:, 0] * samples[:, 1])
    weights = _weights(state.weights, float(left), float(right), float(product))
    if weights == state.weights:
        return state, samples @ np.array(weights, np.float32)
    ramp = np.linspace(state.weights, weights, len(samples), dtype=np.float32)
    mixed: Samples = (samples * ramp).sum(axis=1)
    return DownmixState(weights), mixed


def _weights(before: Weights, left: float, right: float, product: float) -> Weights:
    """Return the weights for the mean squares of left and right and their mean product.

    If these are not clear, they stay as `before`.
    """
    louder, quieter = max(left, right), min(left, right)
    if louder <= QUIET:
        return before
    if quieter < SILENT * louder:
        return LEFT if left > right else RIGHT
    correlation = product / (left * right) ** 0.5
    if correlation < INVERTED:
        return OPPOSITE
    if correlation > NORMAL and quieter > AUDIBLE * louder:
        return SAME
    return before


def _gains(names: list[str], channels: int) -> Samples:
    """Return the gain of each channel; channels that are not loudspeakers are averaged."""
    if len(names) != channels or not {"FL", "FR", "DL", "DR", "FC"} & set(names):
        return np.full(channels, 1 / channels, np.float32)
    return np.array([GAINS.get(name, SURROUND_GAIN) for name in names], np.float32)
