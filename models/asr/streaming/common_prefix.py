"""The words that two successive transcripts of the same growing audio agree on.

Source: LocalAgreement-2, Liu et al. 2020 ("Low-latency sequence-to-sequence speech
recognition"), as used for Whisper by Machacek et al. 2023.
"""

from collections.abc import Sequence

from models.asr.whisper.tokenizer import WhisperTokenizer, comparable

WordTokens = list[int]


def common_prefix(
    tokenizer: WhisperTokenizer, last: Sequence[WordTokens], now: Sequence[WordTokens]
) -> list[WordTokens]:
    """Return the words that `now` and `last` both begin with, as written in `now`.

    Case and punctuation are not compared. Punctuation after the last word of either transcript
    is left out: it only means that the audio stopped there.
    """
    spoken = [text for word in last if (text := comparable(tokenizer, word))]
    found: list[WordTokens] = []
    count = matched = 0
    for index, word in enumerate(now):
        text = comparable(tokenizer, word)
        if not text:
            continue  # punctuation: kept if a later word is
        if matched == len(spoken) or spoken[matched] != text:
            break
        matched += 1
        count = index + 1
    found = [list(word) for word in now[:count]]
    if found and (matched == len(spoken) or count == len(now)):
        found[-1] = found[-1][: tokenizer.core_length(found[-1])]
    return found
