"""From hidden frames to letters: greedy, or a beam of drafts; one frame after the other.

At a frame letters are written until the blank is best. A beam keeps several drafts, and adds
up the ways in which one text can be spread over the frames. To the score of each of their letters
is added how likely it is as text, where the caller has a model of that.

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
from models.asr.ancat.transducer import BLANK, Memory, Transducer


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """One text: its units, the frame each was written at, and the log of each one's chance.

    `score` is the log-probability of the text so far, over the ways that were kept; `said` and
    `memory` are the predictor's. `recent` are the last units, those cut off too.
    """

    units: tuple[int, ...]
    frames: tuple[int, ...]
    chances: tuple[float, ...]
    score: float
    said: Tensor
    memory: Memory
    recent: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """What text tells a search: `weight` times the log of a letter's chance, and a `bonus`.

    Without a bonus for each letter, texts would come out short.
    """

    letters: LetterModel
    weight: float = 0.4
    bonus: float = 0.6

    def of(self, drafts: Sequence[Draft]) -> Tensor:
        """Return what each letter is worth after each of `drafts`, (drafts, units)."""
        logs = np.stack([self.letters.logs(draft.recent) for draft in drafts])
        return torch.from_numpy(self.weight * logs + self.bonus)


@dataclass(frozen=True, slots=True, eq=False)
class SearchState:
    """The drafts, the best first, and how many frames they have read."""

    drafts: tuple[Draft, ...]
    frames: int = 0

    @property
    def best(self) -> Draft:
        return self.drafts[0]

    @property
    def agreed(self) -> int:
        """How many leading units all drafts have."""
        columns = zip(*(draft.units for draft in self.drafts), strict=False)
        count = 0
        for column in columns:
            if len(set(column)) > 1:
                break
            count += 1
        return count

    def without(self, count: int) -> "SearchState":
        """Return the state without the first `count` units, which all drafts have.

        What was read stays in the predictor's memory.
        """
        drafts = tuple(
            replace(
                draft,
                units=draft.units[count:],
                frames=draft.frames[count:],
                chances=draft.chances[count:],
            )
            for draft in self.drafts
        )
        return SearchState(drafts, self.frames)


class Search:
    """Reads frames with a transducer; the memory is a value that the caller holds."""

    def __init__(
        self,
        transducer: Transducer,
        *,
        beam: int = 1,
        most: int = 5,
        hold: int = 50,
        spelling: Spelling | None = None,
    ) -> None:
        """Keep `beam` drafts, and write at most `most` letters at a frame.

        Drafts may disagree about the letters of the last `hold` frames; those that disagree
        with the best about earlier ones are dropped.

        Raises:
            ValueError: a number is below 1, or a single draft is to be spelt.
        """
        if beam < 1 or most < 1:
            raise ValueError(f"at least 1 draft and 1 letter a frame, not {beam} and {most}")
        if spelling and beam == 1:
            raise ValueError("spelling chooses between drafts: it takes a beam of 2 or more")
        self.spelling = spelling
        self.transducer = transducer
        self.beam = beam
        self.most = most
        self.hold = hold

    def init_state(self) -> SearchState:
        said, memory = self.transducer.begin()
        return SearchState((Draft((), (), (), 0.0, said, memory),))

    def step(self, state: SearchState, hidden: Tensor) -> SearchState:
        """Read one frame, (width,)."""
        heard = self.transducer.from_heard(hidden)
        if self.beam == 1:
            return SearchState((self._greedy(state.best, heard, state.frames),), state.frames + 1)
        drafts = self._widen(state.drafts, heard, state.frames)
        return SearchState(self._settled(drafts, state.frames), state.frames + 1)

    def _greedy(self, draft: Draft, heard: Tensor, frame: int) -> Draft:
        for _ in range(self.most):
            logs = self.transducer.join(heard, draft.said[0]).float().log_softmax(0)
            unit = int(logs.argmax())
            chance = float(logs[unit])
            if unit == BLANK:
                return replace(draft, score=draft.score + chance)
            said, memory = self.transducer.read(torch.tensor([unit]), draft.memory)
            draft = _longer(draft, unit, frame, chance, said, memory)
        return draft

    def _widen(self, drafts: Sequence[Draft], heard: Tensor, frame: int) -> list[Draft]:
        """Return the best drafts after one frame, none of them twice."""
        done: dict[tuple[int, ...], Draft] = {}
        rising = list(drafts)
        for written in range(self.most + 1):
            said = torch.cat([draft.said for draft in rising])
            logs = self.transducer.join(heard, said).double().log_softmax(1)
            for draft, blank in zip(rising, logs[:, BLANK].tolist(), strict=True):
                _add(done, replace(draft, score=draft.score + blank))
            if written == self.most:
                break
            ended = sorted((draft.score for draft in done.values()), reverse=True)
            worst = ended[self.beam - 1] if len(ended) >= self.beam else -inf
            rising = self._extend(rising, logs, frame, worst)
            if not rising:
                break
        return sorted(done.values(), key=lambda draft: -draft.score)[: self.beam]

    def _extend(self, drafts: list[Draft], logs: Tensor, frame: int, worst: float) -> list[Draft]:
        """Return the best drafts with one letter more, the best first, all better than `worst`."""
        base = torch.tensor([draft.score for draft in drafts], dtype=logs.dtype)
        totals = base[:, None] + logs
        if self.spelling:
            totals = totals + self.spelling.of(drafts)
        totals = totals[:, BLANK + 1 :]
        values, places = totals.flatten().topk(min(self.beam, totals.numel()))
        values, places = values[values > worst], places[values > worst]
        if not len(values):
            return []
        rows = places // totals.shape[1]
        units = places % totals.shape[1] + BLANK + 1
        memory = (
            torch.cat([drafts[row].memory[0] for row in rows.tolist()], 1),
            torch.cat([drafts[row].memory[1] for row in rows.tolist()], 1),
        )
        said, (hidden, cell) = self.transducer.read(units, memory)
        longer = []
        for place, (row, unit) in enumerate(zip(rows.tolist(), units.tolist(), strict=True)):
            chance = float(logs[row, unit])
            own = (hidden[:, place : place + 1], cell[:, place : place + 1])
            draft = _longer(drafts[row], unit, frame, chance, said[place : place + 1], own)
            recent = draft.recent
            if self.spelling:
                recent = (*recent, unit)[-self.spelling.letters.context :]
            longer.append(replace(draft, score=float(values[place]), recent=recent))
        return longer

    def _settled(self, drafts: list[Draft], frame: int) -> tuple[Draft, ...]:
        """Drop drafts that disagree with the best about what was written long ago."""
        best = drafts[0]
        old = sum(written <= frame - self.hold for written in best.frames)
        return tuple(draft for draft in drafts if draft.units[:old] == best.units[:old])


def _longer(
    draft: Draft, unit: int, frame: int, chance: float, said: Tensor, memory: Memory
) -> Draft:
    return Draft(
        (*draft.units, unit),
        (*draft.frames, frame),
        (*draft.chances, chance),
        draft.score + chance,
        said,
        memory,
        draft.recent,
    )


def _add(drafts: dict[tuple[int, ...], Draft], draft: Draft) -> None:
    """Add a way to its text; the likelier way says when each letter was written."""
    other = drafts.get(draft.units)
    if other is None:
        drafts[draft.units] = draft
        return
    likelier = draft if draft.score > other.score else other
    scores = torch.tensor([draft.score, other.score], dtype=torch.float64)
    drafts[draft.units] = replace(likelier, score=float(scores.logsumexp(0)))
