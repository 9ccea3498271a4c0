"""Which parts of a recording hold speech, from the detector's probabilities: pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.asr.words import RATE, RecognizedWord

Samples = NDArray[np.float32]
Region = tuple[int, int]  # first sample, and the one after the last

FRAME = 512  # samples for each probability: 32 ms
THRESHOLD = 0.2  # probability of a frame with speech: singing gets little
MIN_SPEECH = 3  # frames: less is a click; the shortest words have about five
MIN_PAUSE = 3  # frames: less is the closure of a plosive

MAX_LATE = RATE // 2  # samples by which a streaming recognizer may place a word late or early


class VoiceActivityDetector(Protocol):
    """Voice activity detection: mono float32 at 16 kHz to a speech probability for each FRAME."""

    def init_state(self) -> Any: ...

    def step(self, state: Any, chunk: Samples) -> tuple[Any, Sequence[float]]: ...


def detect_speech(detector: VoiceActivityDetector, samples: Samples) -> list[Region]:
    """Return the regions of `samples`, float32 (n,) at 16 kHz, that hold speech.

    Silence follows them, so that the last frame is complete.
    """
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    _, probabilities = detector.step(detector.init_state(), padded)
    return clipped(speech_regions(probabilities), 0, len(samples))


def speech_regions(probabilities: Sequence[float]) -> list[Region]:
    """Return the regions with speech, in samples, from the probability of each frame."""
    regions: list[Region] = []
    for number, probability in enumerate(probabilities):
        if probability < THRESHOLD:
            continue
        start, end = number * FRAME, (number + 1) * FRAME
        if regions and start - regions[-1][1] < MIN_PAUSE * FRAME:
            regions[-1] = (regions[-1][0], end)
        else:
            regions.append((start, end))
    return [region for region in regions if region[1] - region[0] >= MIN_SPEECH * FRAME]


def spoken_words(
    words: Iterable[RecognizedWord], probabilities: Sequence[float]
) -> list[RecognizedWord]:
    """Return those of `words` that have speech at most `MAX_LATE` away.

    `probabilities` are those of the frames since the first sample. Recognizers invent words for
    silence, noise and music.
    """
    frames = np.flatnonzero(np.asarray(probabilities) >= THRESHOLD) * FRAME
    return [
        word
        for word in words
        if ((frames > word.start - MAX_LATE - FRAME) & (frames < word.end + MAX_LATE)).any()
    ]


def clipped(regions: Iterable[Region], start: int, end: int) -> list[Region]:
    """Return the parts of `regions` between samples `start` and `end`."""
    parts = ((max(start, first), min(end, last)) for first, last in regions)
    return [(first, last) for first, last in parts if first < last]


def widened(regions: Iterable[Region], by: int, length: int) -> list[Region]:
    """Return `regions` with `by` samples more on each side, joined if they then meet."""
    wide: list[Region] = []
    for first, last in regions:
        start, end = max(0, first - by), min(length, last + by)
        if wide and start <= wide[-1][1]:
            wide[-1] = (wide[-1][0], max(end, wide[-1][1]))
        else:
            wide.append((start, end))
    return wide


def without(regions: Iterable[Region], holes: Sequence[Region]) -> list[Region]:
    """Return the parts of `regions` outside of `holes`, which are in order."""
    rest: list[Region] = []
    for first, last in regions:
        start = first
        for hole_start, hole_end in holes:
            if hole_start < last and hole_end > start:
                rest.append((start, hole_start))
                start = hole_end
        rest.append((start, last))
    return [(first, last) for first, last in rest if first < last]


def total(regions: Iterable[Region]) -> int:
    """Return how many samples `regions` hold together."""
    return sum(last - first for first, last in regions)
