"""The last word on a turn: heard whole by an offline Whisper, once nobody adds to it any more.

A stream hears each moment before what follows it. When a turn is over there is no such hurry: the
offline model hears all of it, in windows of 30 s and with beam search, as it hears a file. (Greedy
in a short window costs half as much, and once ended after the first of four sentences.) Longer
turns are cut where they are quietest; the parts do not see each other's text, as a prompt that
the sound repeats makes tiny.en skip the repetition.
"""

from collections.abc import Iterator

import numpy as np

from models.asr.streaming.offline import transcribe
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord

LONGEST = 28 * RATE  # samples heard at once: a window, less the silence that must follow
SHORTEST = RATE // 5  # less sound than this is not listened to
SILENCE = 0.7  # "no speech" likelier than this, nothing is heard
LEFT = 2 * RATE  # samples after the last word that are heard again, by themselves
LOUD = 0.05  # of the loudest of a part: with nothing louder, no speech is left
QUIET = RATE // 5  # a cut is made where so many samples are the quietest


class WhisperFinalPass:
    """Writes whole turns; shared by all sessions."""

    def __init__(self, recogniser: WhisperModel, *, language: str | None = None) -> None:
        self.recogniser = recogniser
        self._config = DecodeConfig(language=language, silence=SILENCE)

    def transcribe(self, samples: Samples) -> list[RecognizedWord]:
        """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz."""
        words: list[RecognizedWord] = []
        for start, end in _parts(samples):
            words += [_moved(word, start) for word in self._part(samples[start:end])]
        return words

    def _part(self, samples: Samples) -> list[RecognizedWord]:
        """Hear a window; where Whisper took a pause for the end, the rest again by itself."""
        words: list[RecognizedWord] = []
        start = 0
        while len(samples) - start >= SHORTEST:
            heard = transcribe(self.recogniser, samples[start:], config=self._config)
            words += [_moved(word, start) for word in heard]
            if not heard or not _goes_on(samples[start:], heard[-1].end):
                break
            start = words[-1].end
        return words


def _parts(samples: Samples) -> Iterator[tuple[int, int]]:
    """Cut sound into parts of at most LONGEST, where it is quietest."""
    start = 0
    while len(samples) - start > LONGEST:
        earliest = start + LONGEST // 2
        power = samples[earliest : start + LONGEST].astype(np.float64) ** 2
        level = np.convolve(power, np.ones(QUIET), "valid")[:: RATE // 100]
        end = earliest + int(level.argmin()) * (RATE // 100) + QUIET // 2
        yield start, end
        start = end
    yield start, len(samples)


def _goes_on(samples: Samples, end: int) -> bool:
    """Return whether there is sound long after `end`, where the last word of `samples` ended."""
    rest = samples[end + LEFT // 4 :]  # a word may end somewhat later than it is said to
    return len(samples) - end >= LEFT and _loudest(rest) > LOUD * _loudest(samples)


def _loudest(samples: Samples) -> float:
    """Return the root mean square of the loudest QUIET samples."""
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(QUIET) / QUIET, "valid")
    return float(power.max() ** 0.5)


def _moved(word: RecognizedWord, by: int) -> RecognizedWord:
    return RecognizedWord(word.text, word.start + by, word.end + by, word.probability)
