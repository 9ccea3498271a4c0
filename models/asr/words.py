"""Recognized words, with their positions in the audio."""

from dataclasses import dataclass
from string import punctuation

RATE = 16_000  # samples per second of all models in this folder, mono float32
# Seconds that a word takes at most: speech beyond that is not its own.
LONGEST_WORD = 0.4
LONGEST_LETTER = 0.15  # more for each letter
BESIDE_WORDS = f" {punctuation}"
LONGEST_SIGN = 0.6  # more for each digit, and signs that are spoken: 1455, www.example.org


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """One recognized word; `text` keeps its leading space and its punctuation.

    `start` and `end` are sample indexes since the stream began, at `RATE`;
    `probability` is the mean over the word's tokens, in [0, 1].
    """

    text: str
    start: int
    end: int
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class TranscriptUpdate:
    """What one step of a streaming recognizer changed.

    `committed` are new words that will never change. `tentative` is the whole interim text after
    all committed words, and replaces the previous one. `position` is the number of samples that
    were processed; it does not depend on the sizes of the caller's chunks.
    """

    committed: tuple[RecognizedWord, ...]
    tentative: tuple[RecognizedWord, ...]
    position: int


def join_words(words: tuple[RecognizedWord, ...] | list[RecognizedWord]) -> str:
    """Return the text of `words`, without outer white space."""
    return "".join(word.text for word in words).strip()


def is_spelled(word: str) -> bool:
    """Return whether more is spoken than the letters of `word`: 1455, www.example.org."""
    return not all(letter.isalpha() for letter in word.strip(BESIDE_WORDS))


def longest(word: str) -> int:
    """Return how many samples `word` takes at most."""
    seconds = (
        LONGEST_LETTER if letter.isalpha() else LONGEST_SIGN for letter in word.strip(BESIDE_WORDS)
    )
    return round((LONGEST_WORD + sum(seconds)) * RATE)
