"""The final pass: an offline Whisper transcribes a turn once it is over.

A stream transcribes each moment before the next one is known. When a turn is over, the offline
model transcribes all of it in windows of 30 s with beam search, like a file. (Greedy decoding in
a short window costs half as much, and once ended after the first of four sentences.) Longer turns
are cut at their quietest moments; the parts do not share a prompt, because a prompt that the
audio repeats makes tiny.en skip the repetition.
"""

from collections.abc import Iterator

import numpy as np

from models.asr.streaming.offline import transcribe
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord

MAX_PART = 28 * RATE  # samples of a part: a window, less the silence that must follow
MIN_PART = RATE // 5  # shorter audio is not transcribed
NO_SPEECH = 0.7  # above this "no speech" probability there are no words
MIN_REST = 2 * RATE  # samples after the last word that are transcribed by themselves
MIN_LEVEL = 0.05  # of the loudest level of a part: quieter audio holds no speech
LEVEL_WINDOW = RATE // 5  # samples over which the level is measured


class WhisperFinalPass:
    """Transcribes whole turns; shared by all sessions."""

    def __init__(self, recognizer: WhisperModel) -> None:
        self.recognizer = recognizer
        self._config = DecodeConfig(silence=NO_SPEECH)

    def transcribe(self, samples: Samples) -> list[RecognizedWord]:
        """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz."""
        words: list[RecognizedWord] = []
        for start, end in _parts(samples):
            words += [_moved(word, start) for word in self._transcribe_part(samples[start:end])]
        return words

    def _transcribe_part(self, samples: Samples) -> list[RecognizedWord]:
        """Transcribe a part; if Whisper stopped at a pause, transcribe the rest by itself."""
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
    """Cut audio into parts of at most MAX_PART samples, at the quietest moments."""
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
    """Return whether there is sound well after `end`, the end of the last word."""
    rest = samples[end + MIN_REST // 4 :]  # a word may end later than its timestamp
    return len(samples) - end >= MIN_REST and _loudest(rest) > MIN_LEVEL * _loudest(samples)


def _loudest(samples: Samples) -> float:
    """Return the root mean square of the loudest QUIET samples."""
    power = np.convolve(
        samples.astype(np.float64) ** 2, np.ones(LEVEL_WINDOW) / LEVEL_WINDOW, "valid"
    )
    return float(power.max() ** 0.5)


def _moved(word: RecognizedWord, by: int) -> RecognizedWord:
    return RecognizedWord(word.text, word.start + by, word.end + by, word.probability)
