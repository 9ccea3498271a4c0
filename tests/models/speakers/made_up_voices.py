"""Voices that are made up: a vector of its own for each speaker, and an encoder that reads it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.asr.speech_activity import FRAME, Samples
from models.speakers.clustering import Floats, Voice
from models.speakers.windows import HOP, WINDOW

SIZE = 8  # numbers of an embedding
STEP = HOP * FRAME
LENGTH = WINDOW * FRAME


def vector(speaker: int, rng: np.random.Generator, noise: float = 0.08) -> Floats:
    """Return a unit vector near the one of `speaker`."""
    raw = np.eye(SIZE)[speaker] + noise * rng.standard_normal(SIZE)
    unit: Floats = (raw / np.linalg.norm(raw)).astype(np.float32)
    return unit


def voices(speakers: Sequence[int], seed: int = 0, first: int = 0) -> list[Voice]:
    """Return a window of each of `speakers`, one after another, each 1.6 s long."""
    rng = np.random.default_rng(seed)
    return [
        Voice(start, start + LENGTH, vector(speaker, rng))
        for start, speaker in zip(
            range(first, first + LENGTH * len(speakers), LENGTH), speakers, strict=True
        )
    ]


class LevelEncoder:
    """Embeds a window by the level of its sound: 0.1 is speaker 1, 0.2 speaker 2, and so on."""

    def embed(self, windows: Samples) -> Floats:
        units = np.zeros((len(windows), SIZE), np.float32)
        levels = np.rint(10 * windows).astype(int)
        for unit, row in zip(units, levels, strict=True):
            for level in range(1, SIZE):
                unit[level] = np.mean(row == level)
        lengths = np.linalg.norm(units, axis=1, keepdims=True)
        found: Floats = units / lengths
        return found


def sound(parts: Sequence[tuple[int, float]]) -> tuple[Samples, list[float]]:
    """Return sound of speakers at their levels for so many seconds; 0 is silence.

    With it come the probabilities of speech.
    """
    pieces: list[NDArray[np.float32]] = [
        np.full(round(seconds * 16_000 / FRAME) * FRAME, speaker / 10, np.float32)
        for speaker, seconds in parts
    ]
    samples = np.concatenate(pieces)
    return samples, [float(level > 0) for level in samples[::FRAME]]
