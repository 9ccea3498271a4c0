"""Speech that a transcript left out: what the detector hears and no recognized word covers.

Whisper tends to stop after a sentence, and sometimes skips one between two others. The detector
does not depend on it, so it tells a transcript that is short from one that is complete. Figures
are those of tiny.en on 142 clips and 24 turns of two to four of them.
"""

from collections.abc import Sequence

from models.asr.speech_activity import Region
from models.asr.words import RATE, RecognizedWord

MIN_SENTENCE = RATE // 5  # samples of speech after a pause that may be a word: "no" takes 0.2 s
MAX_EARLY = RATE // 2  # samples by which attention ends a word too early: 0.49 s
MIN_HOLE = 9 * RATE // 10  # samples of speech left out without a pause; words left up to 0.64 s
MORE_WORDS = 2  # in a part by itself, if a sentence of it was skipped
MIN_PROBABILITY = 0.37  # of the words of a part: a mean log-probability of -1, as Whisper's own


def skipped_parts(
    speech: Sequence[Region], words: Sequence[RecognizedWord], after: int
) -> list[Region]:
    """Return the regions of speech before the last word that `words` leave out for MIN_HOLE.

    Whole regions, as attention smears the words beside a hole over it. Speech up to sample
    `after` is covered.
    """
    parts: list[Region] = []
    for first, last in speech:
        if not words or last > words[-1].start:
            break
        covered = sum(max(0, min(last, word.end) - max(first, word.start)) for word in words)
        if last - max(first, after) - covered >= MIN_HOLE:
            parts.append((first, last))
    return parts


def is_better(found: Sequence[RecognizedWord], words: Sequence[RecognizedWord]) -> bool:
    """Return whether `found`, a part transcribed by itself, holds more than its old `words`."""
    return len(found) >= len(words) + MORE_WORDS and are_likely(found)


def are_likely(words: Sequence[RecognizedWord]) -> bool:
    """Return whether the sound holds `words`, rather than a breath or noise."""
    total = sum(word.probability for word in words)
    return total >= MIN_PROBABILITY * max(1, len(words))


def unheard_after(speech: Sequence[Region], after: int) -> Region | None:
    """Return the first speech after sample `after`, the end of the last word, beyond that word."""
    for first, last in speech:
        start = max(first, after)
        beyond = last - start >= MIN_HOLE
        if beyond or (first > after and last - start >= MIN_SENTENCE and last > after + MAX_EARLY):
            return start, last
    return None
