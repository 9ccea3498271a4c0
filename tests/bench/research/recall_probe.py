"""Measures whether retrieval finds what a question asks for, or unusual frames.

A frame with an object is planted among others. Good retrieval finds that frame when the question
names the object, and only by chance when it names an object that never appears. Recall without
that control is meaningless: small models find the unusual frame for any question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.language.decoder import Decoder
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv
from models.memory.retrieval import Rows, score_blocks

# From state and question, int64 (count,), to block ids: for each layer, or once for all.
Find = Callable[[RekvState, Tensor], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A stream, the index of the planted frame, and two questions, int64 (count,).

    `present` names an object of that frame only, `absent` an object of no frame; they do not
    differ otherwise.
    """

    frames: Sequence[Frame]
    planted: int
    present: Tensor
    absent: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The share in [0, 1] of trials in which the planted frame was retrieved, for each layer.

    `chance` is the share for random retrieval.
    """

    present: tuple[float, ...]
    absent: tuple[float, ...]
    chance: float

    @property
    def mean(self) -> float:
        """The mean recall of the layers."""
        return sum(self.present) / len(self.present)

    @property
    def control(self) -> float:
        """The same for the absent object."""
        return sum(self.absent) / len(self.absent)

    @property
    def lift(self) -> float:
        """The effect of the question: recall minus control."""
        return self.mean - self.control


def internal(rekv: Rekv, count: int) -> Find:
    """Return the model's own retrieval of `count` blocks in each layer that retrieves."""

    def find(state: RekvState, question: Tensor) -> Sequence[Sequence[int]]:
        found = rekv.retrieve(state, question, count=count)
        return [[block.id for block in blocks] for blocks in found.blocks if blocks]

    return find


def recall(rekv: Rekv, trials: Sequence[Trial], find: Find) -> Recall:
    """Return how often `find` retrieves the planted frame, with the absent-object control.

    Raises:
        ValueError: there are no trials.
    """
    if not trials:
        raise ValueError("give at least one trial")
    present: list[Tensor] = []
    absent: list[Tensor] = []
    chances: list[float] = []
    for trial in trials:
        state, _ = rekv.step(rekv.init_state(), trial.frames)
        planted = state.store.table.blocks[trial.planted].id
        for question, hits in ((trial.present, present), (trial.absent, absent)):
            taken = find(state, question)
            hits.append(torch.tensor([planted in ids for ids in taken], dtype=torch.float64))
            chances.extend(len(set(ids)) / len(trial.frames) for ids in taken)
    return Recall(
        present=tuple(torch.stack(present).mean(0).tolist()),
        absent=tuple(torch.stack(absent).mean(0).tolist()),
        chance=sum(chances) / len(chances),
    )


@torch.no_grad()
def layer_bias(rekv: Rekv, state: RekvState, question: Tensor) -> tuple[float, ...]:
    """Return the position bias of each layer, -1 to 1; 0 is none, see `position_bias`.

    The question should be unrelated to the stored blocks. It is read without blocks, so that one
    layer does not influence the next.
    """
    decoder = rekv.decoder
    assert isinstance(decoder, Decoder)
    x = torch.cat([decoder.embed(rekv.opening), decoder.embed(question)])
    table, config = state.store.table, rekv.config
    caches = decoder.new_caches(len(x))
    biases = []
    for index, layer in enumerate(decoder.layers):
        query = layer.project(x)[0][:, -len(question) :].float().mean(1)
        held = table.representatives[index, : table.count]
        scores = score_blocks(held, query, scoring=config.scoring, span=config.span)
        biases.append(position_bias(scores))
        x = decoder.read_layer(layer, x, caches[index])
    return tuple(biases)


def uniform(total: int, count: int) -> Rows:
    """Return `count` rows, evenly over `total`: a baseline without a question."""
    places: Rows = np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    return np.unique(places)


def recent(total: int, count: int) -> Rows:
    """Return the last `count` rows of `total`: a baseline."""
    return np.arange(max(0, total - count), total, dtype=np.int64)


def position_bias(scores: Tensor) -> float:
    """Return the rank correlation of scores with time: 0 is no bias, 1 prefers the latest.

    `scores` is (blocks,) in order of time, of blocks that are unrelated to the question.
    """
    ranks = scores.argsort().argsort().double()
    time = torch.arange(len(scores), dtype=torch.float64, device=scores.device)
    return float(torch.corrcoef(torch.stack([ranks, time]))[0, 1])
