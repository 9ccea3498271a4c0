"""Repetition loops, a known failure of Whisper's decoder.

People repeat themselves, too. In a loop, repeated tokens attend to the same sound: their places are
0 to 0.04 s apart, those of "no, no, no" that is spoken 0.12 s and more.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

MAX_PHRASE = 24  # tokens or words
REPEATS = 3  # a phrase that occurs so often in a row, up to the end, may be a loop
SINGLE_REPEATS = 6  # the same for a single token, while tokens are still being decoded
MIN_SPACING = 5  # frames of 20 ms between two words that are spoken


def ends_in_loop(tokens: Sequence[int], frames: Sequence[int]) -> bool:
    """Return whether `tokens` end in a phrase that repeats without new sound.

    `frames` are the frames that the tokens attend to most.
    """
    for length in _lengths(tokens):
        repeats = SINGLE_REPEATS if length == 1 else REPEATS
        if _repeats(tokens, length) >= repeats:
            passed = frames[-length] - frames[-length * repeats]
            if passed < (repeats - 1) * MIN_SPACING:
                return True
    return False


def may_be_loop(words: Sequence[str]) -> bool:
    """Return whether `words` hold a phrase REPEATS times in a row."""
    return any(_run(words, first)[1] >= REPEATS for first in range(len(words)))


def spoken_words(words: Sequence[str], starts: Sequence[int]) -> list[int]:
    """Return the indices of `words` without the repetitions that there is no sound for.

    `starts` are the frames where attention has their starts.
    """
    kept: list[int] = []
    first = 0
    while first < len(words):
        length, times = _run(words, first)
        spoken = times
        if times >= REPEATS:
            places = starts[first : first + length * times : length]
            spoken = _spoken(places, length * MIN_SPACING)
        kept += range(first, first + length * spoken)
        first += length * times
    return kept


def _run(words: Sequence[str], first: int) -> tuple[int, int]:
    """Return the shortest phrase at `first` that may be a loop, and its times; else one word."""
    for length in _lengths(words[first:]):
        phrase, times = words[first : first + length], 1
        while words[first + length * times : first + length * (times + 1)] == phrase:
            times += 1
        if times >= REPEATS:
            return length, times
    return 1, 1


def _spoken(places: Sequence[int], spacing: int) -> int:
    """Return how many of `places` are far enough from the one before.

    That is `spacing`, or half of what is usual among those that are so far apart.
    """
    apart = [gap for gap in (b - a for a, b in pairwise(places)) if gap >= spacing]
    least = max(spacing, median(apart) / 2) if apart else spacing
    count, last = 1, places[0]
    for place in places[1:]:
        if place - last >= least:
            count, last = count + 1, place
    return count


def _lengths(items: Sequence[Any]) -> range:
    return range(1, min(MAX_PHRASE, len(items) // REPEATS) + 1)


def _repeats(items: Sequence[Any], length: int) -> int:
    """Return how often in a row the last `length` items occur at the end of `items`."""
    times = 1
    while items[-length * (times + 1) : -length * times] == items[-length:]:
        times += 1
    return times
