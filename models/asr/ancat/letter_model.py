"""A letter n-gram model: the probability of each next letter given up to seven letters before it.

A transducer trained on ten hours of speech spells by sound. Letter counts from text correct much
of that at the lowest cost: one table look-up, no vocabulary, and a word that was never seen is
only less likely.

A key is the n-gram's units, five bits each. A file holds the n-grams as a trie: for each length,
the last unit of each n-gram in order of keys, with flags in its free bits, and the counts. A count
above 254 is stored as 255, and its value in `large`.

Source: Witten and Bell 1991 (method C) for interpolation with shorter n-grams, here with SMOOTHING
times the weight: counts without rare n-grams are too sure of themselves.
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
UNIT = (1 << BITS) - 1
LAST = 1 << 7  # flag of a stored unit: the next n-gram has another beginning
PARENT = 1 << 6  # flag of a stored unit: longer n-grams begin with this one
LARGE = 255  # stored in place of a count: see `large`
SMOOTHING = 32  # on held-out text 16, 32 and 64 are about as good, 1 is worse
MAX_CACHED = 50_000  # contexts with cached log-probabilities: 6 MB

Keys = NDArray[np.int64]
Counts = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class NgramCounts:
    """The n-grams of one length: `keys` (n,), sorted, and `counts` (n,)."""

    keys: Keys
    counts: Counts

    def following(self, context: Sequence[int]) -> NDArray[np.float64]:
        """Return how often each unit followed `context`, (32,)."""
        first = ngram_key(context) << BITS
        begin, end = np.searchsorted(self.keys, [first, first + (1 << BITS)])
        found = np.zeros(1 << BITS)
        found[self.keys[begin:end] - first] = self.counts[begin:end]
        return found

    def count(self, ngram: Sequence[int]) -> int:
        """Return how often `ngram` occurred."""
        place = int(np.searchsorted(self.keys, ngram_key(ngram)))
        known = place < len(self.keys) and self.keys[place] == ngram_key(ngram)
        return int(self.counts[place]) if known else 0


def ngram_key(units: Sequence[int]) -> int:
    """Return the key of an n-gram."""
    key = 0
    for unit in units:
        key = key << BITS | unit
    return key


class LetterModel:
    """Log-probabilities of each next unit; that of the blank, which is no letter, is 0."""

    def __init__(self, ngrams: Sequence[NgramCounts], units: int = len(UNITS)) -> None:
        """Take the n-grams of length 1, 2, ...; the first of `units` is the blank."""
        self.ngrams, self.units = tuple(ngrams), units
        self._cached = lru_cache(MAX_CACHED)(self._compute)

    @property
    def context(self) -> int:
        """How many units of context are used."""
        return len(self.ngrams) - 1

    def log_probs(self, context: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the log-probability of each unit after `context`, (units,). Do not change it."""
        return self._cached(context[max(0, len(context) - self.context) :])

    def _compute(self, context: tuple[int, ...]) -> NDArray[np.float64]:
        probabilities = np.full(self.units, 1 / (self.units - 1))
        for size in range(len(context) + 1):
            last = context[len(context) - size :]
            counts = self.ngrams[size].following(last)[: self.units]
            kinds = np.count_nonzero(counts)
            if not kinds:
                break  # longer contexts have no counts either
            # The share of n-grams too rare to be kept goes to shorter ones too.
            rare = self.ngrams[size - 1].count(last) - counts.sum() if size else 0
            left = SMOOTHING * kinds + max(0, rare)
            probabilities = (counts + left * probabilities) / (counts.sum() + left)
        log_probs: NDArray[np.float64] = np.log(probabilities)
        log_probs[0] = 0.0
        return log_probs


def save(ngrams: Sequence[NgramCounts], file: Path, about: Mapping[str, object]) -> None:
    """Write `ngrams`, with `about` as metadata.

    Raises:
        ValueError: keys do not rise, or an n-gram's beginning is not among the shorter ones.
    """
    tensors: dict[str, NDArray[np.generic]] = {}
    shorter = np.zeros(1, np.int64)
    for size, one in enumerate(ngrams, 1):
        stems = one.keys >> BITS
        if (np.diff(one.keys) <= 0).any() or not np.isin(stems, shorter).all():
            raise ValueError(f"expected sorted n-grams of {size} units that continue shorter ones")
        units = (one.keys & UNIT).astype(np.uint8)
        units[np.append(np.diff(stems) != 0, True)[: len(units)]] |= LAST
        if size < len(ngrams):
            units[np.isin(one.keys, ngrams[size].keys >> BITS)] |= PARENT
        tensors[f"units.{size}"] = units
        tensors[f"counts.{size}"] = one.counts.clip(max=LARGE).astype(np.uint8)
        tensors[f"large.{size}"] = one.counts[one.counts >= LARGE]
        shorter = one.keys
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(tensors, str(file), {"about": json.dumps(about)})


def load(file: Path) -> LetterModel:
    """Return the model in a file that `save` wrote.

    Raises:
        WeightsError: the file cannot be read, or is not a letter model.
    """
    try:
        with safetensors.safe_open(str(file), "np") as opened:
            ngrams = _read_ngrams({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118  (no mapping)
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(f"{file}: not a letter model of this project ({error})") from error
    return LetterModel(ngrams)


def _read_ngrams(tensors: Mapping[str, NDArray[np.uint8]]) -> list[NgramCounts]:
    """Return the n-grams of a file's tensors.

    Raises:
        KeyError, ValueError: they are not a trie.
    """
    ngrams: list[NgramCounts] = []
    parents = np.zeros(1, np.int64)
    for size in range(1, len(tensors) // 3 + 1):
        stored, counts = tensors[f"units.{size}"], tensors[f"counts.{size}"].astype(np.int32)
        counts[counts == LARGE] = tensors[f"large.{size}"]
        last = stored & LAST != 0
        fits = len(counts) == len(stored) and last.sum() == len(parents) and last[-1:].all()
        keys = parents[np.cumsum(last) - last] << BITS | stored & UNIT if fits else None
        if keys is None or (np.diff(keys) <= 0).any():
            raise ValueError(f"its n-grams of {size} units are not in order")
        ngrams.append(NgramCounts(keys, counts))
        parents = keys[stored & PARENT != 0]
    if not ngrams:
        raise ValueError("it has no n-grams")
    return ngrams
