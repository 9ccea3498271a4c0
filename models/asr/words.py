"""Words as a recognizer hears them: text with a place in the sound."""

from dataclasses import dataclass

RATE = 16_000  # samples a second: every model of this folder hears mono float32 at this rate


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

    `committed` are new words that will never change; `tentative` is the whole unstable
    tail after all committed words so far, and replaces the tail said before. `position` is
    how many samples of the stream had been heard when this was decided: a place in the
    sound, not in the caller's chunks, so that it does not depend on how the sound was cut.
    """

    committed: tuple[RecognizedWord, ...]
    tentative: tuple[RecognizedWord, ...]
    position: int


def join_words(words: tuple[RecognizedWord, ...] | list[RecognizedWord]) -> str:
    """Return the words as a line of text, without the outer white space."""
    return "".join(word.text for word in words).strip()
