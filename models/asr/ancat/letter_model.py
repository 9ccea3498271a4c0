"""How likely each next letter is after the letters before it: counts of runs of letters.

A transducer that heard ten hours of speech spells by ear. What it has not read is text, and counts
of letters after up to seven others are what text says about spelling at the least cost:
one table to look up, no vocabulary, and a word that was never read is only less likely.

A file holds, for each length of run, the sorted keys of runs that were counted, and their counts.
A key is the run's units, five bits each.

Source: Witten and Bell 1991 (method C) for how longer runs lean on shorter ones; they do so LEAN
times as much here, or counts from which seldom runs were dropped are too sure of themselves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from models.asr.ancat.letters import UNITS
from models.errors import WeightsError
from models.shipped import CHECKPOINTS

SHIPPED = CHECKPOINTS / "letters-en.safetensors"
BITS = 5  # of a unit in a key
LEAN = 32  # 16, 32 and 64 are about as good on text that was not counted, 1 is worse
CACHED = 50_000  # contexts whose answer is remembered: 6 MB

Keys = NDArray[np.int64]
Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of one length: `keys` (n,), sorted, and how often each was read, `counts` (n,)."""

    keys: Keys
    counts: Counts

    def after(self, context: Sequence[int]) -> NDArray[np.float64]:
        """Return how often each unit that there may be followed `context`, (32,)."""
        first = key_of(context) << BITS
        begin, end = np.searchsorted(self.keys, [first, first + (1 << BITS)])
        found = np.zeros(1 << BITS)
        found[self.keys[begin:end] - first] = self.counts[begin:end]
        return found

    def of(self, run: Sequence[int]) -> int:
        """Return how often `run`, of this length, was read."""
        place = int(np.searchsorted(self.keys, key_of(run)))
        known = place < len(self.keys) and self.keys[place] == key_of(run)
        return int(self.counts[place]) if known else 0


def key_of(units: Sequence[int]) -> int:
    """Return the key of a run."""
    key = 0
    for unit in units:
        key = key << BITS | unit
    return key


class LetterModel:
    """Logs of the chance of each next unit; the blank, which is none, has a log of 0."""

    def __init__(self, runs: Sequence[Runs], units: int = len(UNITS)) -> None:
        """Take the runs of length 1, 2, ... of so many units, of which the first is the blank."""
        self.runs, self.units = tuple(runs), units
        self._logs = lru_cache(CACHED)(self._fresh)

    @property
    def context(self) -> int:
        """How many units before a letter matter."""
        return len(self.runs) - 1

    def logs(self, context: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the log of each unit's chance after `context`, (units,). Do not change it."""
        return self._logs(context[max(0, len(context) - self.context) :])

    def _fresh(self, context: tuple[int, ...]) -> NDArray[np.float64]:
        chances = np.full(self.units, 1 / (self.units - 1))
        for size in range(len(context) + 1):
            last = context[len(context) - size :]
            counts = self.runs[size].after(last)[: self.units]
            kinds = np.count_nonzero(counts)
            if not kinds:
                break  # what no shorter run was followed by, no longer one was
            # What followed too seldom to be kept is left to shorter runs too.
            seldom = self.runs[size - 1].of(last) - counts.sum() if size else 0
            left = LEAN * kinds + max(0, seldom)
            chances = (counts + left * chances) / (counts.sum() + left)
        logs: NDArray[np.float64] = np.log(chances)
        logs[0] = 0.0
        return logs


def save(runs: Sequence[Runs], file: Path, about: Mapping[str, object]) -> None:
    """Write `runs` with notes `about` them."""
    tensors: dict[str, NDArray[np.generic]] = {}
    for size, one in enumerate(runs, 1):
        tensors |= {f"keys.{size}": one.keys, f"counts.{size}": one.counts}
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(tensors, str(file), {"about": json.dumps(about)})


def load(file: Path) -> LetterModel:
    """Return the model that `save` wrote.

    Raises:
        WeightsError: the file cannot be read, or is something else.
    """
    try:
        with safetensors.safe_open(str(file), "np") as opened:
            sizes = range(1, len(opened.keys()) // 2 + 1)
            runs = [
                Runs(opened.get_tensor(f"keys.{size}"), opened.get_tensor(f"counts.{size}"))
                for size in sizes
            ]
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{file}: no letter model of this project ({error})") from error
    wrong = [size for size, one in enumerate(runs, 1) if one.keys.shape != one.counts.shape]
    if wrong or not runs or any((np.diff(one.keys) <= 0).any() for one in runs):
        raise WeightsError(f"{file}: no letter model of this project (its runs are not in order)")
    return LetterModel(runs)
