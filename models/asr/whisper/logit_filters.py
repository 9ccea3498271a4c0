"""Logit filters: the tokens that Whisper's decoding rules out.

Source: Radford et al. 2022, section 4.5, and the rules on timestamps of the published decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.asr.whisper.tokenizer import TIMESTAMP_STEP, WhisperTokenizer

NEVER = float("-inf")
MAX_FIRST_TIMESTAMP = round(
    1.0 / TIMESTAMP_STEP
)  # steps: the first word begins in the first second


@dataclass(frozen=True)
class LogitFilters:
    """The filters for one request, with or without timestamps in the transcript."""

    tokenizer: WhisperTokenizer
    timestamps: bool

    @cached_property
    def _suppressed(self) -> Tensor:
        special = range(self.tokenizer.end + 1, self.tokenizer.first_timestamp)
        return torch.tensor([*self.tokenizer.suppressed, *special])

    @cached_property
    def _blank(self) -> Tensor:
        return torch.tensor(self.tokenizer.blank)

    def apply(self, scores: Tensor, tokens: Sequence[int]) -> Tensor:
        """Return log-probabilities of the next token; `scores` is float32 (vocabulary,).

        `tokens` are the tokens since the opening. `scores` is changed.
        """
        scores[self._suppressed] = NEVER
        if not tokens:
            scores[self._blank] = NEVER
        if not self.timestamps:
            scores[self.tokenizer.first_timestamp :] = NEVER
            return scores.log_softmax(0)
        self._order_times(scores, tokens)
        chances = scores.log_softmax(0)
        first = self.tokenizer.first_timestamp
        if chances[first:].logsumexp(0) > chances[:first].max():
            scores[:first] = NEVER
            chances = scores.log_softmax(0)
        return chances

    def _order_times(self, scores: Tensor, tokens: Sequence[int]) -> None:
        """Make timestamps start the transcript, come in pairs, and never decrease."""
        first = self.tokenizer.first_timestamp
        if not tokens:
            scores[:first] = NEVER
            scores[first + MAX_FIRST_TIMESTAMP + 1 :] = NEVER
            return
        last_is_time = tokens[-1] >= first
        paired = len(tokens) < 2 or tokens[-2] >= first
        if last_is_time and paired:
            scores[first:] = NEVER
        elif last_is_time:
            scores[: self.tokenizer.end] = NEVER
        times = [token for token in tokens if token >= first]
        if times:
            # A segment may begin where the last one ended, and may not be empty.
            scores[first : times[-1] + (0 if last_is_time and not paired else 1)] = NEVER
