"""Tune standing requests on half 0 of the blind set: `python -m models.training.requests.tune`.

First the evidence of one observation: the log odds of presence, by logistic regression on the log
odds of its share. Then the limits of one observation, the neutral share, and the cap of the sum: of
all settings within the budget of false alarms, the one with the least delay.

The observations are written by `python -m tests.bench.bench_standing looks`. A minute on one core.
"""

import argparse
import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.assistant.requests.evidence import (
    MIN_PROBABILITY,
    EvidenceConfig,
    LogOddsModel,
    accumulated,
    in_view,
)
from models.assistant.requests.targets import Target
from models.training.requests.alarms import Notices, NoticeScore, RequestTrial, judge, share, trials
from models.training.requests.timelines import LabeledPicture, compose, load, targets

BUDGET = 4.0  # false alarms in an hour of one request, in which the scene changes 500 times
TRIED: dict[str, Sequence[float]] = {
    "even": (0.02, 0.05, 0.1, 0.2, 0.35, 0.5),  # the neutral share
    "hit": (1.0, 2.0, 3.0, 6.0),
    "miss": (0.5, 1.0, 1.5, 3.0, 6.0),
    "cap": (3.0, 4.0),
}


def fitted(pictures: Sequence[LabeledPicture], asked: Sequence[Target]) -> tuple[float, float]:
    """Return slope and offset of the log odds, with equal weight on yes and no."""
    odds, there = [], []
    for picture, target in itertools.product(pictures, asked):
        shown = picture.shows(target)
        for observation in picture.observations if shown is not None else ():
            part = min(max(share(observation, target), MIN_PROBABILITY), 1 - MIN_PROBABILITY)
            odds.append(math.log(part / (1 - part)))
            there.append(shown)
    return logistic(torch.tensor(odds), torch.tensor(there))


def logistic(x: Tensor, there: Tensor, *, steps: int = 50) -> tuple[float, float]:
    """Return slope and offset of the log odds of `there`, bool (n,), at `x`, by Newton's method."""
    rows = torch.stack([x, torch.ones_like(x)], 1).double()
    y = there.double()
    weight = torch.where(there, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    at = torch.zeros(2, dtype=torch.double)
    for _ in range(steps):
        p = (rows @ at).sigmoid()
        gradient = rows.T @ (weight * (p - y))
        curvature = (rows * (weight * p * (1 - p))[:, None]).T @ rows
        at = at - torch.linalg.solve(curvature + 1e-9 * torch.eye(2), gradient)
    return float(at[0]), float(at[1])


def settings(slope: float) -> Iterator[LogOddsModel]:
    """Yield the settings to try."""
    for even, hit, miss, cap in itertools.product(*TRIED.values()):
        offset = -slope * math.log(even / (1 - even))
        yield LogOddsModel(slope=slope, offset=offset, max_gain=hit, max_loss=miss, cap=cap)


def crossings(shares: Sequence[float], weighing: LogOddsModel, sure: float) -> Notices:
    """Return when the sum crosses: `RequestTracker` without requests, for the search."""
    total, there = 0.0, None
    out = []
    for index, part in enumerate(shares):
        total = accumulated(total, weighing.log_odds(part), weighing.cap)
        now = in_view(there, total, sure)
        if there is not None and now is not there:
            out.append((index, now is True))
        there = now
    return out


def searched(
    slope: float, asked: Sequence[RequestTrial], sure: float
) -> list[tuple[LogOddsModel, NoticeScore]]:
    shares = [
        [share(observation, trial.target) for observation in trial.observations] for trial in asked
    ]
    out = []
    for weighing in settings(slope):
        score = NoticeScore()
        for parts, trial in zip(shares, asked, strict=True):
            judge(score, trial.truth, crossings(parts, weighing, sure))
        out.append((weighing, score))
    return out


def best(
    tried: Sequence[tuple[LogOddsModel, NoticeScore]], budget: float
) -> tuple[LogOddsModel, NoticeScore]:
    """Return the setting with the least delay within `budget`.

    Raises:
        ValueError: none is within it.
    """
    within = [pair for pair in tried if pair[1].alarms_per_hour <= budget]
    if not within:
        least = min(score.alarms_per_hour for _, score in tried)
        raise ValueError(f"no setting has {budget} false alarms an hour; the least is {least:.2f}")
    return min(within, key=lambda pair: pair[1].wait)


def color_doubt(pictures: Sequence[LabeledPicture]) -> float:
    """Return the evidence of another color than the requested one against it, in log odds."""
    matches = [
        observation.scene.colour in picture.colors
        for picture in pictures
        for observation in picture.observations
        if picture.colors
    ]
    right = sum(matches) / len(matches)
    chance = (1 - right) / 10  # that a thing of another color is given this one, of eleven
    return math.log((1 - chance) / (1 - right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timelines", type=int, default=120)
    parser.add_argument("--budget", type=float, nargs="+", default=[BUDGET])
    options = parser.parse_args()
    torch.set_num_threads(1)
    pictures = [picture for picture in load() if picture.half == 0]
    asked = targets(pictures)
    of = trials(compose(pictures, options.timelines, seed=0), asked)
    sure = EvidenceConfig().threshold
    chosen = {}
    for kind, people in (("person", True), ("thing", False)):
        slope, _ = fitted(pictures, [t for t in asked if people == (t.people > 0)])
        tried = searched(slope, [t for t in of if people == (t.target.people > 0)], sure)
        for budget in options.budget:
            chosen[kind], score = best(tried, budget)
            print(f"{kind}, budget {budget}: {score.row()}\n    {chosen[kind]}")  # noqa: T201
    print(EvidenceConfig(**chosen, wrong_color=color_doubt(pictures), threshold=sure))  # noqa: T201


if __name__ == "__main__":
    main()
