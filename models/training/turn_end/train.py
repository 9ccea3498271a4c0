"""Fits the weights of `models.asr.turn_end` to points of clips.

    python -m models.training.turn_end.train POINTS... --out models/checkpoints/turn-end.json

Logistic regression with an L2 penalty, by Newton's method. All points of a kind weigh as much as
those of the ends, so that the probability is that of a turn with one pause.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.asr.turn_end import features
from models.training.turn_end.points import PausePoint

PENALTY = 2.0
STEPS = 30
MIN_COUNT = 4  # points that have a feature
SHARES = {"end": 1.0, "inner": 0.8, "clause": 0.15, "spoken": 0.05}  # of the weight of the ends

Floats = NDArray[np.float64]


def read_points(files: Iterable[Path]) -> list[PausePoint]:
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [PausePoint(**json.loads(line)) for line in lines]


def fit(points: Sequence[PausePoint]) -> Mapping[str, float]:
    """Return the weights of all features that occur often enough."""
    found = [features(point.heard, point.sure) for point in points]
    counts = Counter(name for each in found for name in each)
    names = sorted(name for name, count in counts.items() if count >= MIN_COUNT)
    x = np.array([[each.get(name, 0.0) for name in names] for each in found])
    y = np.array([point.kind == "end" for point in points], float)
    solved = _newton(x, y, _shares(points), names.index("bias"))
    return {name: round(float(weight), 3) for name, weight in zip(names, solved, strict=True)}


def _shares(points: Sequence[PausePoint]) -> Floats:
    counts = Counter(point.kind for point in points)
    return np.array([SHARES[p.kind] * counts["end"] / counts[p.kind] for p in points])


def _newton(x: Floats, y: Floats, shares: Floats, bias: int) -> Floats:
    weights, penalty = np.zeros(x.shape[1]), np.full(x.shape[1], PENALTY)
    penalty[bias] = 1e-3
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (shares * (p - y)) + penalty * weights
        curve = (x * (shares * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.write_text(json.dumps(fit(read_points(given.points)), indent=1) + "\n")


if __name__ == "__main__":
    main()
