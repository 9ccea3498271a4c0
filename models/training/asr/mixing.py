"""Training items: utterances in sequence with pauses, augmented with rooms and noise.

An item is cut at its length, in the middle of a word too: a stream does not end at a full stop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.asr.whisper.alignment import FRAME
from models.asr.whisper.mel import Samples
from models.asr.words import RATE

Rng = np.random.Generator
Voice = Callable[[], Samples]  # the sound of any utterance, for babble


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """An utterance: float32 (n,) at 16 kHz, its tokens, and the frame where each one's word ends.

    `before` are the tokens spoken before the sound begins.
    """

    samples: Samples
    tokens: list[int]
    ends: list[int]
    before: tuple[int, ...] = ()


Draw = Callable[[], Utterance]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingItem:
    """`clean` and `augmented` are float32 (n,) at 16 kHz; `ends` are frames of 20 ms, rising."""

    clean: Samples
    augmented: Samples
    tokens: list[int]
    ends: list[int]
    before: tuple[int, ...] = ()


def without_start(utterance: Utterance, count: int, most: int) -> Utterance:
    """Return `utterance` without the words of its first `count` tokens; keep the last `most`."""
    while count < len(utterance.tokens) and utterance.ends[count] == utterance.ends[count - 1]:
        count += 1  # tokens of one word end together
    cut = utterance.ends[count - 1]
    return Utterance(
        utterance.samples[cut * FRAME :],
        utterance.tokens[count:],
        [end - cut for end in utterance.ends[count:]],
        tuple(utterance.tokens[max(0, count - most) : count]),
    )


def mix(
    draw: Draw,
    other_voice: Voice,
    length: int,
    rng: Rng,
    *,
    before: Utterance | None = None,
    margin: int = 0,
) -> TrainingItem:
    """Return an item of `length` samples, filled with drawn utterances.

    It starts with `before`, if given. A token may be written `margin` frames after the end of its
    word.
    """
    clean = np.zeros(length, np.float32)
    tokens: list[int] = []
    ends: list[int] = []
    first = before
    position = 0 if rng.random() < 0.3 else int(rng.integers(0, RATE))
    if rng.random() < 0.03:
        position = length  # silence: nothing to write
    while position < length:
        position -= position % FRAME
        utterance, first = first or draw(), None
        part = utterance.samples[: length - position] * 10 ** (rng.uniform(-6, 0) / 20)
        clean[position : position + len(part)] += part
        tokens += utterance.tokens
        ends += [position // FRAME + end + margin for end in utterance.ends]
        position += len(utterance.samples) + int(rng.uniform(0.1, 1.5) * RATE)
    augmented = augment(clean, other_voice, rng)
    return TrainingItem(clean, augmented, tokens, ends, before.before if before else ())


def augment(clean: Samples, other_voice: Voice, rng: Rng) -> Samples:
    """Return `clean` augmented with a random room, band limits, noise, babble and level."""
    augmented: NDArray[np.floating[Any]] = clean
    if rng.random() < 0.25:
        augmented = _in_room(augmented, rng)
    if rng.random() < 0.15:
        augmented = _band(augmented, rng.uniform(50, 350), rng.uniform(3000, 7000))
    level = float(np.sqrt(np.mean(augmented**2))) or 0.05
    if rng.random() < 0.5:
        noise = _noise(len(augmented), rng.uniform(0, 2), rng)
        augmented = augmented + noise * level * 10 ** (-rng.uniform(8, 40) / 20)
    if rng.random() < 0.1:
        augmented = augmented + _babble(len(augmented), other_voice, rng) * level * 10 ** (
            -rng.uniform(12, 25) / 20
        )
    peak = float(np.abs(augmented).max()) or 1.0
    wanted = 10 ** (rng.uniform(-24, -0.5) / 20)
    hiss = rng.standard_normal(len(augmented)) * 10 ** (rng.uniform(-100, -60) / 20)
    return np.clip(augmented * (wanted / peak) + hiss, -1, 1).astype(np.float32)


def _in_room(sound: NDArray[np.floating[Any]], rng: Rng) -> Samples:
    """Add reverberation: the direct sound, then exponentially decaying noise."""
    tail = rng.uniform(0.1, 0.5)  # seconds until -60 dB
    count = int(tail * RATE)
    response = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    response *= rng.uniform(0.1, 0.6) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    return _convolve(sound, response)


def _convolve(sound: NDArray[np.floating[Any]], response: NDArray[np.float64]) -> Samples:
    size = 1 << (len(sound) + len(response) - 1).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(sound)].astype(np.float32)


def _band(sound: NDArray[np.floating[Any]], low: float, high: float) -> Samples:
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def _noise(count: int, slope: float, rng: Rng) -> NDArray[np.float64]:
    """Return noise of root mean square 1 whose power falls with frequency to the `slope`."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-slope / 2)
    spectrum[0] = 0
    noise: NDArray[np.float64] = np.fft.irfft(spectrum, count)
    return noise / float(np.sqrt(np.mean(noise**2)))


def _babble(count: int, other_voice: Voice, rng: Rng) -> Samples:
    """Return several voices at once, of root mean square 1."""
    voices = np.zeros(count, np.float32)
    for _ in range(int(rng.integers(3, 6))):
        voices += np.resize(other_voice(), count)
    return voices / (float(np.sqrt(np.mean(voices**2))) or 1.0)
