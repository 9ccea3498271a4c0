"""The decoder of a causal Whisper: transcribes the audio of a window so far, token by token.

Each update first rescores the last tokens: a token that became less likely and is no longer the
best one is dropped, with all tokens after it. Then new tokens follow until "end of text" is the
best. With a beam, several hypotheses are extended side by side.

Source: CarelessWhisper, Krichli et al. 2025, section 3.4 (greedy and beam, stability rule).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.asr.streaming.causal_loading import CausalModel
from models.asr.whisper.alignment import align
from models.asr.whisper.decoder import DecoderState, WhisperDecoder
from models.asr.whisper.logit_filters import NEVER
from models.asr.whisper.repetition import ends_in_loop, spoken_words
from models.asr.whisper.sound import EncodedSound
from models.asr.whisper.tokenizer import comparable


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """A token, its latest log-probability, and the frame of the window that it attends to most."""

    token: int
    log_probability: float
    frame: int


@dataclass(frozen=True, slots=True, eq=False)
class CausalHypothesis:
    """A transcript of a window.

    The first `committed` of `tokens` are final. `text` is the state after the opening and `tokens`,
    perhaps without the last one; None before the first update. `total` sums the log-probabilities
    of `tokens` and of the end of text after them.
    """

    opening: tuple[int, ...]
    tokens: tuple[DecodedToken, ...] = ()
    committed: int = 0
    text: DecoderState | None = None
    total: float = 0.0

    @property
    def token_ids(self) -> list[int]:
        return [each.token for each in self.tokens]


@dataclass(frozen=True, slots=True, eq=False)
class OpenHypothesis:
    """A hypothesis to extend: log-probabilities of its next token, and the frame it attends to."""

    tokens: tuple[DecodedToken, ...]
    state: DecoderState
    log_probs: Tensor
    frame: int

    @property
    def total(self) -> float:
        return sum(each.log_probability for each in self.tokens)

    def may_close_loop(self, token: int) -> bool:
        """Return whether `token` ends a phrase that repeats at one place of the audio."""
        tokens = [*(each.token for each in self.tokens), token]
        frames = [*(each.frame for each in self.tokens), self.frame]
        return ends_in_loop(tokens, frames)


@dataclass(frozen=True, slots=True, eq=False)
class DecoderPass:
    """One pass over several tokens: log-probabilities and the attended frame after each."""

    log_probs: Tensor
    frames: list[int]
    state: DecoderState

    def at(self, index: int, tokens: tuple[DecodedToken, ...], length: int) -> OpenHypothesis:
        """Return the hypothesis `tokens` after position `index`, `length` tokens of the cache."""
        state = self.state.cut(length)
        return OpenHypothesis(tokens, state, self.log_probs[index], self.frames[index])


class CausalDecoder:
    """Extends hypotheses; shared by all streams.

    An update may drop the last `unstable` tokens. `end_bias` is added to the score of "end of
    text". A `beam` of 1 is greedy.
    """

    def __init__(
        self, recognizer: CausalModel, *, unstable: int, end_bias: float, beam: int = 1
    ) -> None:
        if beam < 1 or unstable < 0:
            raise ValueError(f"expected a beam from 1 and unstable from 0, not {beam}, {unstable}")
        self.unstable = unstable
        self.beam = beam
        self._end_bias = end_bias
        self._recognizer = recognizer
        self._decoder = recognizer.decoder
        self._end = recognizer.tokenizer.end
        self._suppressed = _suppressed(recognizer)

    def update(
        self, hypothesis: CausalHypothesis, sound: EncodedSound, max_tokens: int
    ) -> CausalHypothesis:
        """Return `hypothesis` updated with `sound`, at most `max_tokens` tokens long."""
        limit = min(max_tokens, self._decoder.config.text_context - len(hypothesis.opening))
        decode = self._greedy if self.beam == 1 else self._beam_search
        updated = decode(hypothesis, sound, limit)
        return replace(updated, opening=hypothesis.opening, committed=hypothesis.committed)

    def _greedy(
        self, hypothesis: CausalHypothesis, sound: EncodedSound, limit: int
    ) -> CausalHypothesis:
        """Drop the last tokens that are not stable, and append the likeliest ones."""
        first, scored = self._rescore(hypothesis, sound)
        tokens, stable = _stable_tokens(list(hypothesis.tokens), first, scored)
        best = scored.at(stable, tuple(tokens), len(hypothesis.opening) + first + stable)
        while len(best.tokens) < limit:
            token = int(best.log_probs.argmax())
            if self._stops(best, token):
                break
            (best,) = self._extend([(best, token)])
        return self._finish(best)

    def _beam_search(
        self, hypothesis: CausalHypothesis, sound: EncodedSound, limit: int
    ) -> CausalHypothesis:
        """Replace the last tokens by what a beam search finds.

        It stops when the likeliest hypothesis of its length ends there. Comparing hypotheses of
        several lengths would need a bonus for words: without one, the shortest wins.
        """
        first, scored = self._rescore(hypothesis, sound)
        beam = [scored.at(0, hypothesis.tokens[:first], len(hypothesis.opening) + first)]
        while len(beam[0].tokens) < limit:
            options = self._options(beam)
            extended = [(one, token) for one, token in options if not self._stops(one, token)]
            best, token = options[0]
            if token == self._end or not extended:
                return self._finish(best)
            beam = self._extend(extended[: self.beam])
        return self._finish(beam[0])

    def _options(self, beam: Sequence[OpenHypothesis]) -> list[tuple[OpenHypothesis, int]]:
        """Return hypotheses with a next token, the likeliest first: twice the beam."""
        options: list[tuple[float, OpenHypothesis, int]] = []
        for one in beam:
            best = one.log_probs.topk(self.beam + 1)
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            options += [
                (one.total + log_probability, one, token) for log_probability, token in pairs
            ]
        options.sort(key=lambda option: -option[0])
        return [(one, token) for _, one, token in options[: 2 * self.beam]]

    def _rescore(
        self, hypothesis: CausalHypothesis, sound: EncodedSound
    ) -> tuple[int, DecoderPass]:
        """Decode the last tokens of `hypothesis` again; return the index of the first one too."""
        lead = len(hypothesis.opening) - 1
        token_ids = [*hypothesis.opening, *hypothesis.token_ids]
        first = max(hypothesis.committed, len(hypothesis.tokens) - self.unstable)
        if hypothesis.text is None:
            begin, state = 0, self._decoder.open(sound)
        else:
            begin = lead + first
            state = hypothesis.text.over(sound).cut(begin)
        scored = range(lead + first - begin, len(token_ids) - begin)
        read = self._decoder.decode(token_ids[begin:], state, scored)
        frames = attended_frames(self._decoder, read.queries[:, scored.start :], sound)
        return first, DecoderPass(self._log_probs(read.logits), frames, read.state)

    def _extend(self, pairs: Sequence[tuple[OpenHypothesis, int]]) -> list[OpenHypothesis]:
        """Return each hypothesis of `pairs` with its next token, decoded as one batch."""
        read = self._decoder.extend([(one.state, token) for one, token in pairs])
        log_probs = self._log_probs(torch.cat([each.logits for each in read]))
        queries = torch.cat([each.queries for each in read], 1)
        frames = attended_frames(self._decoder, queries, read[0].state.sound)
        extended = []
        for index, (one, token) in enumerate(pairs):
            tokens = (*one.tokens, DecodedToken(token, float(one.log_probs[token]), one.frame))
            extended.append(
                OpenHypothesis(tokens, read[index].state, log_probs[index], frames[index])
            )
        return extended

    def _stops(self, one: OpenHypothesis, token: int) -> bool:
        """Return whether `one` ends at `token`: it is the end of text, or closes a loop.

        Where equal words are spoken, attention may stay at one of them. Then the best path of all
        tokens through the audio tells whether there is sound for each.
        """
        if token == self._end or not one.may_close_loop(token):
            return token == self._end
        tokenizer = self._recognizer.tokenizer
        words = tokenizer.words([*(each.token for each in one.tokens), token])
        spans = align(self._decoder, tokenizer, one.state, words, frames=one.state.sound.frames)
        texts = [comparable(tokenizer, span.tokens) for span in spans]
        return len(spoken_words(texts, [span.start for span in spans])) < len(words)

    def _finish(self, best: OpenHypothesis) -> CausalHypothesis:
        total = best.total + float(best.log_probs[self._end])
        return CausalHypothesis((), best.tokens, 0, best.state, total)

    def _log_probs(self, scores: Tensor) -> Tensor:
        """Return log-probabilities (rows, vocabulary); `scores` is changed."""
        scores[:, self._suppressed] = NEVER
        scores[:, self._end] += self._end_bias
        return scores.log_softmax(1)


def attended_frames(decoder: WhisperDecoder, queries: Tensor, sound: EncodedSound) -> list[int]:
    """Return the frame that each token attends to most, by the alignment heads.

    `queries` are those of the tokens over `sound`.
    """
    attention = decoder.cross_scores(queries, sound).softmax(2).sum(0)
    frames: list[int] = attention.argmax(1).tolist()
    return frames


def _stable_tokens(
    tokens: list[DecodedToken], first: int, scored: DecoderPass
) -> tuple[list[DecodedToken], int]:
    """Return the tokens that stay after rescoring, and how many of the rescored ones do.

    Row i of `scored` follows token `first` + i - 1. A token stays if it became no less likely,
    or is still the likeliest.
    """
    for index, old in enumerate(tokens[first:]):
        row = scored.log_probs[index]
        log_probability = float(row[old.token])
        if log_probability < old.log_probability and int(row.argmax()) != old.token:
            return tokens[: first + index], index
        tokens[first + index] = DecodedToken(old.token, log_probability, scored.frames[index])
    return tokens, len(tokens) - first


def _suppressed(recognizer: CausalModel) -> Tensor:
    """Return the tokens that never occur in a caption: special, timestamps, unspoken marks."""
    tokenizer = recognizer.tokenizer
    vocabulary = recognizer.config.vocabulary
    suppressed = {*tokenizer.suppressed, *range(tokenizer.end + 1, vocabulary)} - {tokenizer.end}
    return torch.tensor(sorted(suppressed))
