"""Does retrieval find what a question asks for, or what stands out?

A frame with an object is planted among others. Retrieval is right if it finds that frame when
the question names the object, and no more often than chance when it names one that never
appears. Recall without that control says nothing: small models find the odd frame out,
whatever they are asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.memory.prefill import RekvState
from models.memory.rekv import Frame, Rekv
from models.memory.retrieval import Rows, score_blocks

# The blocks that are taken for a question, int64 (count,): for each layer, or once for all.
Find = Callable[[RekvState, Tensor], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A stream, which of its frames is the planted one, and two questions, int64 (count,).

    `present` names what only that frame shows, `absent` what no frame shows; nothing else
    differs between them.
    """

    frames: Sequence[Frame]
    planted: int
    present: Tensor
    absent: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Shares in [0, 1] of trials, for each layer, in which the planted frame was taken.

    `chance` is the share that taking frames at random has.
    """

    present: tuple[float, ...]
    absent: tuple[float, ...]
    chance: float

    @property
    def mean(self) -> float:
        """Recall over the layers."""
        return sum(self.present) / len(self.present)

    @property
    def control(self) -> float:
        """The same when the question names what never appears."""
        return sum(self.absent) / len(self.absent)

    @property
    def lift(self) -> float:
        """What is due to the question: recall less its control."""
        return self.mean - self.control


def internal(rekv: Rekv, count: int) -> Find:
    """Return the model's own retrieval of `count` blocks in each layer."""

    def find(state: RekvState, question: Tensor) -> Sequence[Sequence[int]]:
        found = rekv.retrieve(state, question, count=count)
        return [[block.id for block in blocks] for blocks in found.blocks]

    return find


def recall(rekv: Rekv, trials: Sequence[Trial], find: Find) -> Recall:
    """Return how often `find` takes the planted frame, with the absent-object control.

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
    """Return how scores lean to late blocks in each layer, -1 to 1; 0 is not at all.

    The question is to have nothing to do with what is stored. It is read on its own, so that
    no layer's picks change the next layer's question.
    """
    x = rekv.decoder.embed(question)
    x = torch.cat([rekv.decoder.embed(rekv.opening), x])
    table, config = state.store.table, rekv.config
    caches = rekv.decoder.new_caches(len(x))
    biases = []
    for index, layer in enumerate(rekv.decoder.layers):
        query = layer.project(x)[0][:, -len(question) :].float().mean(1)
        held = table.representatives[index, : table.count]
        scores = score_blocks(held, query, scoring=config.scoring, span=config.span)
        biases.append(position_bias(scores))
        x = rekv.decoder.read_layer(layer, x, caches[index])
    return tuple(biases)


def uniform(total: int, count: int) -> Rows:
    """Return `count` places spread evenly over `total`: a baseline that asks nothing."""
    places: Rows = np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    return np.unique(places)


def recent(total: int, count: int) -> Rows:
    """Return the last `count` places of `total`: a baseline that only looks back."""
    return np.arange(max(0, total - count), total, dtype=np.int64)


def position_bias(scores: Tensor) -> float:
    """Return the rank correlation of scores with time: 0 is none, 1 is all for the latest.

    `scores` is (blocks,) in order of time, of blocks that have nothing to do with the question.
    """
    ranks = scores.argsort().argsort().double()
    time = torch.arange(len(scores), dtype=torch.float64, device=scores.device)
    return float(torch.corrcoef(torch.stack([ranks, time]))[0, 1])
