"""Decode encoder frames to letters with the transducer: greedy or beam search, frame by frame.

At each frame, letters are emitted until the blank is best. Beam search keeps several hypotheses
and sums the probabilities of all alignments of a text to the frames. With shallow fusion, a
letter language model adds to the score of each letter.

Source: Graves 2012, section 2.5; frame by frame as in Saon et al. 2020, section 2; shallow fusion,
Gulcehre et al. 2015.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import torch
from torch import Tensor

from models.asr.ancat.letter_model import LetterModel
from models.asr.ancat.transducer import BLANK
from models.asr.ancat.transducer_networks import Prediction, TransducerEngines


@dataclass(frozen=True, slots=True, eq=False)
class TransducerHypothesis:
    """A text: its units, the frame that emitted each, and the log-probability of each.

    `score` is the log-probability of the text so far, over the alignments that were kept.
    `prediction` is the predictor's output and state after the last unit.
    `recent` are the last units, including committed ones, for the letter model.
    """

    units: tuple[int, ...]
    frames: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float
    prediction: Prediction
    recent: tuple[int, ...] = ()

    def extended(
        self, unit: int, frame: int, log_prob: float, prediction: Prediction
    ) -> "TransducerHypothesis":
        """Return the hypothesis with one more unit, and the predictor's output after it."""
        return TransducerHypothesis(
            (*self.units, unit),
            (*self.frames, frame),
            (*self.log_probs, log_prob),
            self.score + log_prob,
            prediction,
            self.recent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShallowFusion:
    """A letter language model whose log-probabilities, times `weight`, are added to the scores.

    `bonus` is added for each letter: without it, texts come out too short.
    """

    letter_model: LetterModel
    weight: float = 0.4
    bonus: float = 0.6

    def scores(self, hypotheses: Sequence[TransducerHypothesis]) -> Tensor:
        """Return what to add for each next unit, (hypotheses, units)."""
        logs = np.stack([self.letter_model.log_probs(one.recent) for one in hypotheses])
        return torch.from_numpy(self.weight * logs + self.bonus)


@dataclass(frozen=True, slots=True, eq=False)
class TransducerSearchState:
    """The hypotheses, the best first, and the number of frames decoded."""

    hypotheses: tuple[TransducerHypothesis, ...]
    frames: int = 0

    @property
    def best(self) -> TransducerHypothesis:
        return self.hypotheses[0]

    @property
    def common_prefix(self) -> int:
        """How many leading units all hypotheses share."""
        count = 0
        for column in zip(*(one.units for one in self.hypotheses), strict=False):
            if len(set(column)) > 1:
                break
            count += 1
        return count

    def drop_prefix(self, count: int) -> "TransducerSearchState":
        """Return the state without the first `count` units, which all hypotheses share.

        The predictor's state still covers them.
        """
        hypotheses = tuple(
            replace(
                one,
                units=one.units[count:],
                frames=one.frames[count:],
                log_probs=one.log_probs[count:],
            )
            for one in self.hypotheses
        )
        return TransducerSearchState(hypotheses, self.frames)


class TransducerSearch:
    """Decodes frames with a transducer; the caller holds the state."""

    def __init__(
        self,
        transducer: TransducerEngines,
        *,
        beam: int = 1,
        max_letters: int = 5,
        prune_after: int = 50,
        fusion: ShallowFusion | None = None,
    ) -> None:
        """Keep `beam` hypotheses, and emit at most `max_letters` letters at a frame.

        Hypotheses that differ from the best one in letters more than `prune_after` frames old
        are dropped.

        Raises:
            ValueError: a number is below 1, or `fusion` is given without a beam.
        """
        if beam < 1 or max_letters < 1:
            raise ValueError(
                f"expected at least 1 hypothesis and 1 letter a frame, not {beam} and {max_letters}"
            )
        if fusion and beam == 1:
            raise ValueError("shallow fusion needs a beam of 2 or more")
        self.fusion = fusion
        self.transducer = transducer
        self.beam = beam
        self.max_letters = max_letters
        self.prune_after = prune_after

    def init_state(self) -> TransducerSearchState:
        first = TransducerHypothesis((), (), (), 0.0, self.transducer.init_state())
        return TransducerSearchState((first,))

    def step(self, state: TransducerSearchState, hidden: Tensor) -> TransducerSearchState:
        """Decode one frame, (width,)."""
        if self.beam == 1:
            found: tuple[TransducerHypothesis, ...] = (
                self._greedy(state.best, hidden, state.frames),
            )
        else:
            found = self._pruned(
                self._beam_step(state.hypotheses, hidden, state.frames), state.frames
            )
        return TransducerSearchState(found, state.frames + 1)

    def _greedy(
        self, best: TransducerHypothesis, encoded: Tensor, frame: int
    ) -> TransducerHypothesis:
        for _ in range(self.max_letters):
            log_probs = self.transducer.log_probs(encoded, best.prediction.output)[0]
            unit = int(log_probs.argmax())
            log_prob = float(log_probs[unit])
            if unit == BLANK:
                return replace(best, score=best.score + log_prob)
            state = best.prediction
            prediction = self.transducer.predict(torch.tensor([unit]), state.hidden, state.cell)
            best = best.extended(unit, frame, log_prob, prediction)
        return best

    def _beam_step(
        self, beam: Sequence[TransducerHypothesis], encoded: Tensor, frame: int
    ) -> list[TransducerHypothesis]:
        """Return the best hypotheses after one frame; each text occurs once."""
        done: dict[tuple[int, ...], TransducerHypothesis] = {}
        active = list(beam)
        for emitted in range(self.max_letters + 1):
            predictions = torch.cat([one.prediction.output for one in active])
            log_probs = self.transducer.log_probs(encoded, predictions).double()
            for one, blank in zip(active, log_probs[:, BLANK].tolist(), strict=True):
                _merge(done, replace(one, score=one.score + blank))
            if emitted == self.max_letters:
                break
            scores = sorted((one.score for one in done.values()), reverse=True)
            worst = scores[self.beam - 1] if len(scores) >= self.beam else -inf
            active = self._extend(active, log_probs, frame, worst)
            if not active:
                break
        return sorted(done.values(), key=lambda one: -one.score)[: self.beam]

    def _extend(
        self, active: list[TransducerHypothesis], log_probs: Tensor, frame: int, worst: float
    ) -> list[TransducerHypothesis]:
        """Return the best hypotheses with one more letter, sorted, all better than `worst`."""
        base = torch.tensor([one.score for one in active], dtype=log_probs.dtype)
        totals = base[:, None] + log_probs
        if self.fusion:
            totals = totals + self.fusion.scores(active)
        totals = totals[:, BLANK + 1 :]
        values, indexes = totals.flatten().topk(min(self.beam, totals.numel()))
        values, indexes = values[values > worst], indexes[values > worst]
        if not len(values):
            return []
        rows = indexes // totals.shape[1]
        units = indexes % totals.shape[1] + BLANK + 1
        states = [active[row].prediction for row in rows.tolist()]
        predictions = self.transducer.predict(
            units,
            torch.cat([one.hidden for one in states]),
            torch.cat([one.cell for one in states]),
        )
        extended = []
        for i, (row, unit) in enumerate(zip(rows.tolist(), units.tolist(), strict=True)):
            log_prob = float(log_probs[row, unit])
            one = active[row].extended(unit, frame, log_prob, predictions.row(i))
            if self.fusion:
                recent = (*one.recent, unit)[-self.fusion.letter_model.context :]
                one = replace(one, recent=recent)
            extended.append(replace(one, score=float(values[i])))
        return extended

    def _pruned(
        self, beam: list[TransducerHypothesis], frame: int
    ) -> tuple[TransducerHypothesis, ...]:
        """Drop the hypotheses that differ from the best one in old letters."""
        best = beam[0]
        old = sum(emitted <= frame - self.prune_after for emitted in best.frames)
        return tuple(one for one in beam if one.units[:old] == best.units[:old])


def _merge(found: dict[tuple[int, ...], TransducerHypothesis], one: TransducerHypothesis) -> None:
    """Add an alignment to its text's probability; the likelier alignment gives the frames."""
    other = found.get(one.units)
    if other is None:
        found[one.units] = one
        return
    likelier = one if one.score > other.score else other
    scores = torch.tensor([one.score, other.score], dtype=torch.float64)
    found[one.units] = replace(likelier, score=float(scores.logsumexp(0)))
