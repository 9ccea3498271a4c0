"""How the time of a run is divided between its phases, and how far a phase is.

A run that was cut continues: what was done of a phase before counts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Clock = Callable[[], float]

SHARES: Mapping[str, float] = {  # of the time, in proportion; the order is that of the run
    "codec": 2.0,
    "drawing": 6.0,
    "few-step": 1.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """The time of a phase: from `start` to `end` by `clock`, for at most `steps` steps.

    `before` is the share of the phase that an earlier run did.
    """

    start: float
    end: float
    clock: Clock
    steps: int | None = None
    before: float = 0.0

    def done(self, step: int) -> float:
        """Return the share of the phase that is done before step `step`, at most 1."""
        shares = [(self.clock() - self.start) / max(1e-9, self.end - self.start)]
        if self.steps is not None:
            shares.append(step / self.steps)
        return min(1.0, self.before + (1 - self.before) * max(shares))


class TimeBudget:
    """Divides the time until `end`, in seconds of `clock`, between `phases`."""

    def __init__(self, phases: Sequence[str], end: float, clock: Clock) -> None:
        self._left, self._end, self._clock = list(phases), end, clock

    def allot(self, phase: str, *, before: float = 0.0, steps: int | None = None) -> PhaseTime:
        """Return the time of the next phase: its share of what is left.

        The rest of a phase that was begun `before` takes as much less.
        """
        assert self._left[0] == phase, f"{phase} comes before {self._left[0]}"
        own = SHARES[phase] * (1 - before)
        share = own / (own + sum(SHARES[later] for later in self._left[1:]))
        self._left.pop(0)
        now = self._clock()
        return PhaseTime(
            start=now,
            end=now + share * max(0.0, self._end - now),
            clock=self._clock,
            steps=steps,
            before=before,
        )


def read_progress(folder: Path) -> dict[str, float]:
    """Return the share that is done of each phase of the run in `folder`."""
    file = folder / "progress.json"
    if not file.exists():
        return {}
    return {str(phase): float(done) for phase, done in json.loads(file.read_text()).items()}


def note_progress(folder: Path, phase: str, done: float) -> None:
    """Note that the share `done` of `phase` is done; a stop at any moment leaves a whole file."""
    new = folder / "progress.json.new"
    new.write_text(json.dumps({**read_progress(folder), phase: done}) + "\n")
    new.replace(folder / "progress.json")
