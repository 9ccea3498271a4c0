"""Turns that end inside of what somebody says, and waits after its end: words against silence.

    python -m models.training.turn_end.points FOLDER POINTS
    python -m tests.bench.bench_turn_ends POINTS...

A turn of the first kind is a clip as it was spoken; of the other two, a clip with one more pause,
of 0.3 to 2 s, inside a clause or behind one. A turn is cut off if one of its pauses ends it. The
wait is the silence behind the last word that ends the turn; the time to recognize it is not in it.
For each eagerness the last columns have the wait of plain silence that cuts off as many turns.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from media.events.hearing import Eagerness
from media.pipeline.hearing.patience import patience
from models.asr.turn_end import features, probability, shipped_weights
from models.training.turn_end.points import PausePoint
from models.training.turn_end.train import read_points

SILENCES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8)
PAUSES = np.exp(np.linspace(np.log(0.3), np.log(2.0), 50))  # seconds

Wait = Callable[[PausePoint], float]


@dataclass(frozen=True)
class TurnEndScore:
    """Shares of turns that were cut off, by their pause, and seconds of wait."""

    spoken: float
    inner: float
    clause: float
    wait: float
    wait_p95: float

    @property
    def cut(self) -> float:
        """The share among as many turns of each of the three kinds."""
        return (self.spoken + self.inner + self.clause) / 3

    def row(self) -> str:
        shares = (self.spoken, self.inner, self.clause, self.cut)
        percent = " | ".join(f"{100 * share:.0f} %" for share in shares)
        return f"{percent} | {self.wait:.2f} / {self.wait_p95:.2f}"


def score(points: Sequence[PausePoint], wait: Wait) -> TurnEndScore:
    ends = [wait(point) for point in points if point.kind == "end"]
    cut: dict[tuple[str, str, str], bool] = {}
    for point in points:
        turn = (point.engine, point.voice, point.clip)
        ended = point.kind == "spoken" and wait(point) < point.pause
        cut[turn] = cut.get(turn, False) or ended
    return TurnEndScore(
        float(np.mean(list(cut.values()))),
        _cut(points, "inner", wait),
        _cut(points, "clause", wait),
        float(np.median(ends)),
        float(np.quantile(ends, 0.95)),
    )


def _cut(points: Sequence[PausePoint], kind: str, wait: Wait) -> float:
    found = [float((wait(point) < PAUSES).mean()) for point in points if point.kind == kind]
    return float(np.mean(found)) if found else 0.0


def waits(eagerness: Eagerness, weights: Mapping[str, float]) -> Wait:
    def wait(point: PausePoint) -> float:
        complete = probability(features(point.heard, point.sure), weights) if point.heard else 0.0
        return patience(complete, eagerness)

    return wait


def separation(points: Sequence[PausePoint], kind: str, weights: Mapping[str, float]) -> float:
    """Return how often an end is more complete than a pause of `kind`: the area under the ROC."""
    scores = {
        k: [probability(features(p.heard, p.sure), weights) for p in points if p.kind == k]
        for k in ("end", kind)
    }
    ends, others = np.array(scores["end"])[:, None], np.array(scores[kind])
    return float((ends > others).mean() + (ends == others).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path, nargs="+")
    given = parser.parse_args()
    points, weights = read_points(given.points), shipped_weights()
    head = "| | as spoken | inside a clause | behind one | all | wait p50 / p95 s |"
    sys.stdout.write(f"{len(points)} points\n\n{head} silence that cuts as many |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    plain = {each: score(points, lambda _, each=each: each) for each in SILENCES}  # type: ignore[misc]
    for silence, found in plain.items():
        sys.stdout.write(f"| silence {silence} s | {found.row()} | |\n")
    for eagerness in get_args(Eagerness)[:3]:
        found = score(points, waits(eagerness, weights))
        cuts = [plain[each].cut for each in SILENCES]
        same = float(np.interp(-found.cut, [-cut for cut in cuts], SILENCES))
        sys.stdout.write(f"| words, {eagerness} | {found.row()} | {same:.2f} |\n")
    for kind in ("inner", "clause"):
        sys.stdout.write(f"\narea under the ROC, {kind}: {separation(points, kind, weights):.2f}\n")


if __name__ == "__main__":
    main()
