"""Repetition loops at the end of a transcript, a known failure of Whisper's decoder."""

from collections.abc import Sequence

MAX_PHRASE = 24  # tokens
REPEATS = 3  # a phrase that occurs so often in a row, up to the end, is a loop
SINGLE_REPEATS = 6  # the same for a single token, while tokens are still being decoded


def ends_in_repetition(tokens: Sequence[int]) -> bool:
    """Return whether `tokens` end in a loop. People do say one word three times in a row."""
    return any(
        _repeats(tokens, length) >= (SINGLE_REPEATS if length == 1 else REPEATS)
        for length in _lengths(tokens)
    )


def without_repetition(tokens: Sequence[int]) -> list[int]:
    """Return `tokens` with the phrase that repeats up to their end kept only once."""
    for length in _lengths(tokens):
        if (times := _repeats(tokens, length)) >= REPEATS:
            return list(tokens[: len(tokens) - length * (times - 1)])
    return list(tokens)


def _lengths(tokens: Sequence[int]) -> range:
    return range(1, min(MAX_PHRASE, len(tokens) // REPEATS) + 1)


def _repeats(tokens: Sequence[int], length: int) -> int:
    """Return how often in a row the last `length` tokens occur at the end of `tokens`."""
    times = 1
    while tokens[-length * (times + 1) : -length * times] == tokens[-length:]:
        times += 1
    return times
