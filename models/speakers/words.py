"""Whose each word is, from the voices that were heard: pure."""

from collections.abc import Sequence

from models.asr.words import RATE, RecognizedWord
from models.speakers.clustering import NOBODY, Voices, speakers_at

REACH = 2  # words by which a change of speakers may move to a pause or the end of a sentence
SENTENCE_END = 0.3  # seconds of pause that it is worth
CLEARER = 0.1  # seconds of pause more than where the change was heard
NEAR = RATE  # samples without a word between two of one person, at most
SENTENCE_ENDS = (".", "?", "!")


def word_speakers(voices: Voices, words: Sequence[RecognizedWord]) -> list[int]:
    """Return the number of the speaker of each of `words`, NOBODY if nothing tells.

    A voice is heard in windows of a second or more, so that a change between two words is only
    roughly known: it is moved to a pause, or to the end of a sentence, that is near.
    """
    heard = speakers_at(voices, [(word.start + word.end) // 2 for word in words])
    known = _without_islands(_filled(heard, words))
    for index in _changes(known):
        low, high = max(1, index - REACH), min(len(words) - 1, index + REACH)
        best = max(range(low, high + 1), key=lambda place: (_break(words, place), place == index))
        if _break(words, best) > _break(words, index) + CLEARER:
            for place in range(min(index, best), max(index, best)):
                known[place] = known[index - 1] if best > index else known[index]
    return known


def _filled(heard: Sequence[int], words: Sequence[RecognizedWord]) -> list[int]:
    """Return `heard` where a word of nobody is its neighbour's, the one before first."""
    known = list(heard)
    for index in range(1, len(known)):
        near = words[index].start - words[index - 1].end <= NEAR
        if known[index] == NOBODY and near:
            known[index] = known[index - 1]
    for index in range(len(known) - 2, -1, -1):
        near = words[index + 1].start - words[index].end <= NEAR
        if known[index] == NOBODY and near:
            known[index] = known[index + 1]
    return known


def _without_islands(known: Sequence[int]) -> list[int]:
    """Return `known` without single words between two of one other speaker."""
    smooth = list(known)
    for index in range(1, len(smooth) - 1):
        if smooth[index - 1] == smooth[index + 1]:
            smooth[index] = smooth[index - 1]
    return smooth


def _changes(known: Sequence[int]) -> list[int]:
    """Return the words with which another speaker begins."""
    return [index for index in range(1, len(known)) if known[index] != known[index - 1]]


def _break(words: Sequence[RecognizedWord], index: int) -> float:
    """Return how clear a break is before word `index`, in seconds of pause."""
    ended = words[index - 1].text.rstrip().endswith(SENTENCE_ENDS)
    return (words[index].start - words[index - 1].end) / RATE + ended * SENTENCE_END
