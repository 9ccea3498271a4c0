"""Greedy decoding that is faster with a draft, the previous transcript of the same audio.

A stream transcribes its audio again and again, mostly with the same result. The draft is decoded
in one pass and kept as far as it is what greedy decoding gives now. The result equals that of
decoding token by token.

Source: speculative decoding's verification step, Leviathan et al. 2023, for an argmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.asr.whisper.decoder import DecoderState, WhisperDecoder
from models.asr.whisper.logit_filters import LogitFilters


@dataclass(frozen=True, slots=True, eq=False)
class GreedyResult:
    """`tokens` follow the forced ones, without the end of text; `log_probs` are theirs.

    `no_speech` is a probability. `state` covers the opening, the forced tokens and `tokens`,
    perhaps without the last one.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    no_speech: float
    state: DecoderState


def greedy(
    decoder: WhisperDecoder,
    filters: LogitFilters,
    state: DecoderState,
    opening: Sequence[int],
    *,
    forced: Sequence[int] = (),
    draft: Sequence[int] = (),
    max_tokens: int,
) -> GreedyResult:
    """Return the likeliest tokens after `opening` and `forced`, at most `max_tokens`.

    `state` holds the audio and no tokens. `draft` changes the time only, not the result.
    """
    fixed = [*opening, *forced]
    limit = min(max_tokens, decoder.config.text_context - len(fixed))
    guess = list(draft[:limit])
    start = list(opening).index(filters.tokenizer.start)
    scored = [start, *range(len(fixed) - 1, len(fixed) + len(guess))]
    read = decoder.decode([*fixed, *guess], state, scored)
    rows, state = read.logits[1:], read.state
    no_speech = float(read.logits[0].softmax(0)[filters.tokenizer.no_speech])
    tokens, log_probs = list(forced), list[float]()
    index = 0
    for _ in range(limit + 1):
        row = filters.apply(rows[index], tokens)
        log_prob, token = (value.item() for value in row.max(0))
        if token == filters.tokenizer.end or len(log_probs) == limit:
            break
        tokens.append(int(token))
        log_probs.append(float(log_prob))
        index += 1
        if index < len(rows) and guess[index - 1] == token:
            continue
        read = decoder.decode([int(token)], state.cut(len(opening) + len(tokens) - 1))
        rows, state, guess, index = read.logits, read.state, [], 0
    return GreedyResult(tuple(tokens[len(forced) :]), tuple(log_probs), no_speech, state)
