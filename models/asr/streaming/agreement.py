"""What two successive transcripts of a growing sound agree on: words as groups of tokens.

Source: LocalAgreement-2, Liu et al. 2020 ("Low-latency sequence-to-sequence speech
recognition"), as used for Whisper by Machacek et al. 2023.
"""

import string
from collections.abc import Sequence

from models.asr.whisper.tokenizer import CLINGS_TO_LAST, CLINGS_TO_NEXT, Tokenizer

MARKS = string.punctuation + CLINGS_TO_LAST + CLINGS_TO_NEXT + " …"
REPEATS = 3  # a phrase said so often in a row, up to the end, is a loop
LONGEST_LOOP = 24  # tokens of a phrase

WordTokens = list[int]


def agreed(
    tokenizer: Tokenizer, last: Sequence[WordTokens], now: Sequence[WordTokens]
) -> list[WordTokens]:
    """Return the words at the beginning of `now` that `last` said too, written as in `now`.

    Case and punctuation are not compared. Punctuation after the last word either of them
    knows is left out: it only says that the sound stopped there.
    """
    heard = [plain(tokenizer, word) for word in last]
    spoken = [text for text in heard if text]
    found: list[WordTokens] = []
    count = matched = 0
    for index, word in enumerate(now):
        text = plain(tokenizer, word)
        if not text:
            continue  # a lone mark: it is kept if a word after it is
        if matched == len(spoken) or spoken[matched] != text:
            break
        matched += 1
        count = index + 1
    found = [list(word) for word in now[:count]]
    if found and (matched == len(spoken) or count == len(now)):
        found[-1] = found[-1][: tokenizer.core(found[-1])]
    return found


def plain(tokenizer: Tokenizer, word: Sequence[int]) -> str:
    """Return what is compared of `word`: "" where it is a mark and nothing more."""
    return tokenizer.decode(word).lower().strip(MARKS)


def without_loop(tokens: Sequence[int]) -> list[int]:
    """Return `tokens` with a phrase that repeats up to their end said only once."""
    kept = list(tokens)
    for length in range(1, min(LONGEST_LOOP, len(kept) // REPEATS) + 1):
        phrase = kept[-length:]
        times = 1
        while kept[-length * (times + 1) : -length * times] == phrase:
            times += 1
        if times >= REPEATS:
            return kept[: len(kept) - length * (times - 1)]
    return kept
