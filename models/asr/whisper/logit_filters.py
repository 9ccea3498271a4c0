"""Which token may come next: what Whisper's decoding forbids, as changes to the scores.

Source: Radford et al. 2022, section 4.5, and the rules on timestamps of the published decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.asr.whisper.tokenizer import TIMESTAMP_STEP, Tokenizer

NEVER = float("-inf")
LATEST_FIRST = round(1.0 / TIMESTAMP_STEP)  # steps: the first word begins in the first second


@dataclass(frozen=True)
class Rules:
    """The rules for one request; `timestamps` tells whether times are part of the transcript."""

    tokenizer: Tokenizer
    timestamps: bool

    @cached_property
    def _muted(self) -> Tensor:
        special = range(self.tokenizer.end + 1, self.tokenizer.first_timestamp)
        return torch.tensor([*self.tokenizer.muted, *special])

    @cached_property
    def _blank(self) -> Tensor:
        return torch.tensor(self.tokenizer.blank)

    def apply(self, scores: Tensor, said: Sequence[int]) -> Tensor:
        """Return log-probabilities of the next token; `scores` is float32 (vocabulary,).

        `said` are the tokens since the opening. `scores` is changed.
        """
        scores[self._muted] = NEVER
        if not said:
            scores[self._blank] = NEVER
        if not self.timestamps:
            scores[self.tokenizer.first_timestamp :] = NEVER
            return scores.log_softmax(0)
        self._order_times(scores, said)
        chances = scores.log_softmax(0)
        first = self.tokenizer.first_timestamp
        if chances[first:].logsumexp(0) > chances[:first].max():
            scores[:first] = NEVER
            chances = scores.log_softmax(0)
        return chances

    def _order_times(self, scores: Tensor, said: Sequence[int]) -> None:
        """Let times open the transcript, come in pairs, and never go back."""
        first = self.tokenizer.first_timestamp
        if not said:
            scores[:first] = NEVER
            scores[first + LATEST_FIRST + 1 :] = NEVER
            return
        last_is_time = said[-1] >= first
        paired = len(said) < 2 or said[-2] >= first
        if last_is_time and paired:
            scores[first:] = NEVER
        elif last_is_time:
            scores[: self.tokenizer.end] = NEVER
        times = [token for token in said if token >= first]
        if times:
            # A segment may begin where the last one ended, and may not be empty.
            scores[first : times[-1] + (0 if last_is_time and not paired else 1)] = NEVER
