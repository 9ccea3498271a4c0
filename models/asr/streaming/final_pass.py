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

MAX_PART = 28 * RATE  # samples heard at once: a window, less the silence that must follow
MIN_PART = RATE // 5  # less sound than this is not listened to
NO_SPEECH = 0.7  # "no speech" likelier than this, nothing is heard
MIN_REST = 2 * RATE  # samples after the last word that are heard again, by themselves
MIN_LEVEL = 0.05  # of the loudest of a part: with nothing louder, no speech is left
LEVEL_WINDOW = RATE // 5  # a cut is made where so many samples are the quietest


class WhisperFinalPass:
    """Writes whole turns; shared by all sessions."""

    def __init__(self, recognizer: WhisperModel, *, language: str | None = None) -> None:
        self.recognizer = recognizer
        self._config = DecodeConfig(language=language, silence=NO_SPEECH)

    def transcribe(self, samples: Samples) -> list[RecognizedWord]:
        """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz."""
        words: list[RecognizedWord] = []
        for start, end in _parts(samples):
            words += [_moved(word, start) for word in self._transcribe_part(samples[start:end])]
        return words

    def _transcribe_part(self, samples: Samples) -> list[RecognizedWord]:
        """Hear a window; where Whisper took a pause for the end, the rest again by itself."""
        words: list[RecognizedWord] = []
        start = 0
        while len(samples) - start >= MIN_PART:
            found = transcribe(self.recognizer, samples[start:], config=self._config)
            words += [_moved(word, start) for word in found]
            if not found or not _has_more(samples[start:], found[-1].end):
                break
            start = words[-1].end
        return words


def _parts(samples: Samples) -> Iterator[tuple[int, int]]:
    """Cut sound into parts of at most LONGEST, where it is quietest."""
    start = 0
    while len(samples) - start > MAX_PART:
        earliest = start + MAX_PART // 2
        power = samples[earliest : start + MAX_PART].astype(np.float64) ** 2
        level = np.convolve(power, np.ones(LEVEL_WINDOW), "valid")[:: RATE // 100]
        end = earliest + int(level.argmin()) * (RATE // 100) + LEVEL_WINDOW // 2
        yield start, end
        start = end
    yield start, len(samples)


def _has_more(samples: Samples, end: int) -> bool:
    """Return whether there is sound long after `end`, where the last word of `samples` ended."""
    rest = samples[end + MIN_REST // 4 :]  # a word may end somewhat later than it is said to
    return len(samples) - end >= MIN_REST and _loudest(rest) > MIN_LEVEL * _loudest(samples)


def _loudest(samples: Samples) -> float:
    """Return the root mean square of the loudest QUIET samples."""
    power = np.convolve(
        samples.astype(np.float64) ** 2, np.ones(LEVEL_WINDOW) / LEVEL_WINDOW, "valid"
    )
    return float(power.max() ** 0.5)


def _moved(word: RecognizedWord, by: int) -> RecognizedWord:
    return RecognizedWord(word.text, word.start + by, word.end + by, word.probability)
