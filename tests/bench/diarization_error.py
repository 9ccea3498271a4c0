"""Diarization error rate: how much of the speech is given to the wrong speaker, or to nobody.

Times are in frames of 10 ms. Around each start and end of reference speech, a collar does not
count. Overlapping speech counts once for each speaker.

Source: NIST Rich Transcription 2009 evaluation plan, section 6.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

FRAMES = 100  # a second
COLLAR = 0.25  # seconds

Segment = tuple[float, float, str]  # start and end in seconds, and the speaker


@dataclass(frozen=True)
class Errors:
    """Seconds of speech that were missed, invented, or given to another; and of all speech."""

    missed: float = 0.0
    invented: float = 0.0
    confused: float = 0.0
    speech: float = 0.0

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.missed + other.missed,
            self.invented + other.invented,
            self.confused + other.confused,
            self.speech + other.speech,
        )

    @property
    def rate(self) -> float:
        """The diarization error rate."""
        return (self.missed + self.invented + self.confused) / max(self.speech, 1e-9)


def diarization_errors(
    reference: Sequence[Segment], found: Sequence[Segment], *, collar: float = COLLAR
) -> Errors:
    """Return the errors of `found`, whose speakers are matched with those of `reference`."""
    length = 1 + round(FRAMES * max((end for _, end, _ in [*reference, *found]), default=0))
    counted = np.ones(length, bool)
    for start, end, _ in reference:
        for edge in (start, end):
            counted[max(0, round((edge - collar) * FRAMES)) : round((edge + collar) * FRAMES)] = 0
    true, guessed = (_active(each, length) & counted for each in (reference, found))
    speakers, guesses = true.sum(0), guessed.sum(0)
    right = _best_match(true.astype(np.float64) @ guessed.T.astype(np.float64))
    return Errors(
        missed=float(np.maximum(speakers - guesses, 0).sum()) / FRAMES,
        invented=float(np.maximum(guesses - speakers, 0).sum()) / FRAMES,
        confused=(float(np.minimum(speakers, guesses).sum()) - right) / FRAMES,
        speech=float(speakers.sum()) / FRAMES,
    )


def _active(segments: Sequence[Segment], length: int) -> NDArray[np.bool_]:
    """Return when each speaker speaks: (speakers, length)."""
    names = list(dict.fromkeys(name for _, _, name in segments))
    active = np.zeros((len(names), length), bool)
    for start, end, name in segments:
        active[names.index(name), round(start * FRAMES) : round(end * FRAMES)] = True
    return active


def _best_match(shared: NDArray[np.float64]) -> float:
    """Return the most frames that speakers share, each matched with at most one guess."""
    if shared.shape[0] > shared.shape[1]:
        shared = shared.T
    rows, columns = shared.shape

    @cache
    def best(column: int, used: int) -> float:
        if column == columns:
            return 0.0
        options = [best(column + 1, used)]
        options += [
            shared[row, column] + best(column + 1, used | 1 << row)
            for row in range(rows)
            if not used >> row & 1
        ]
        return max(options)

    return best(0, 0)
