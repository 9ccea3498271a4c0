"""Greedy decoding that is faster with a draft, the previous transcript of the same audio.

A stream transcribes its audio again and again, mostly with the same result. The draft is decoded
in one pass and kept as far as it is what greedy decoding gives now. The result equals that of
decoding token by token.

Source: speculative decoding's verification step, Leviathan et al. 2023, for an argmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.logit_filters import LogitFilters
from models.asr.whisper.whisper import DecoderState, Whisper


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
    model: Whisper,
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
    limit = min(max_tokens, model.config.text_context - len(fixed))
    guess = list(draft[:limit])
    device = state.sound[0][0].device
    hidden, state = model.decode(torch.tensor([[*fixed, *guess]], device=device), state)
    rows = model.logits(hidden[0, len(fixed) - 1 :])
    no_speech = _no_speech(model, filters, hidden, opening)
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
        state = state.cut(len(opening) + len(tokens) - 1)
        hidden, state = model.decode(torch.tensor([[int(token)]], device=device), state)
        rows, guess, index = model.logits(hidden[0]), [], 0
    return GreedyResult(tuple(tokens[len(forced) :]), tuple(log_probs), no_speech, state)


def _no_speech(
    model: Whisper, filters: LogitFilters, hidden: Tensor, opening: Sequence[int]
) -> float:
    start = list(opening).index(filters.tokenizer.start)
    probabilities = model.logits(hidden[0, start]).softmax(0)
    return float(probabilities[filters.tokenizer.no_speech])
