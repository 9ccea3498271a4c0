"""Greedy decoding that begins where an earlier look at the same sound left off.

A stream hears its sound again and again, and mostly says the same again. The last transcript
is read in one go as a draft and kept as far as it is what greedy decoding says now, so the
result is that of decoding token by token, at a fraction of the time.

Source: speculative decoding's verification step, Leviathan et al. 2023, for an argmax.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.logit_filters import Rules
from models.asr.whisper.whisper import TextState, Whisper


@dataclass(frozen=True, slots=True, eq=False)
class Greedy:
    """`tokens` follow the forced ones, without the end; `chances` are their log-probabilities.

    `ended` tells whether the end was said; `no_speech` is in [0, 1]; `state` has read the
    opening, the forced tokens and `tokens`, the last one perhaps not.
    """

    tokens: tuple[int, ...]
    chances: tuple[float, ...]
    ended: bool
    no_speech: float
    state: TextState


def greedy(
    model: Whisper,
    rules: Rules,
    state: TextState,
    opening: Sequence[int],
    *,
    forced: Sequence[int] = (),
    draft: Sequence[int] = (),
    longest: int,
) -> Greedy:
    """Return the likeliest next tokens after `opening` and `forced`, at most `longest`.

    `state` has heard the sound and read nothing. `draft` is a guess, and changes the time only.
    """
    fixed = [*opening, *forced]
    room = min(longest, model.config.text_context - len(fixed))
    guess = list(draft[:room])
    device = state.sound[0][0].device
    read = torch.tensor([[*fixed, *guess]], device=device)
    hidden, state = model.decode(read, state)
    rows = model.logits(hidden[0, len(fixed) - 1 :])
    no_speech = _no_speech(model, rules, hidden, opening)
    said, chances = list(forced), list[float]()
    ended = False
    index = 0
    for _ in range(room + 1):
        row = rules.apply(rows[index], said)
        chance, token = (value.item() for value in row.max(0))
        if token == rules.tokenizer.end:
            ended = True
            break
        if len(said) - len(forced) == room:
            break
        said.append(int(token))
        chances.append(float(chance))
        index += 1
        if index < len(rows) and guess[index - 1] == token:
            continue
        state = state.cut(len(opening) + len(said) - 1)
        hidden, state = model.decode(torch.tensor([[int(token)]], device=device), state)
        rows, guess, index = model.logits(hidden[0]), [], 0
    tokens = tuple(said[len(forced) :])
    return Greedy(tokens, tuple(chances), ended, no_speech, state)


def _no_speech(model: Whisper, rules: Rules, hidden: Tensor, opening: Sequence[int]) -> float:
    start = list(opening).index(rules.tokenizer.start)
    chances = model.logits(hidden[0, start]).softmax(0)
    return float(chances[rules.tokenizer.no_speech])
