"""Count letter n-grams in text: `python -m models.training.ancat.letter_counts --out FILE`.

The text is that of the speech corpus (WordNet's examples, fortunes, synthetic questions), and
WordNet's definitions, without the sentences of held-out clips. Rare n-grams are dropped, so the
file is small and holds no sentence.
"""

import argparse
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.asr.ancat.letter_model import BITS, NgramCounts, save
from models.asr.ancat.letters import to_units
from models.asr.ancat.network import AncatConfig
from models.training.ancat.run import AncatTrainingConfig
from models.training.asr.clips import load_clips
from models.training.asr.text import definitions, fortunes, template, wordnet

logger = logging.getLogger(__name__)

LONGEST = 8  # letters of a run
MIN_COUNTS = (1, 1, 2, 2, 3, 4, 6, 6)  # least count of an n-gram of each length


def spell(texts: Iterable[str], without: frozenset[tuple[int, ...]]) -> Iterator[list[int]]:
    """Yield the units of each text that can be spelled and is not in `without`."""
    for text in texts:
        try:
            units = to_units(text)
        except ValueError:
            continue
        if units and tuple(units) not in without:
            yield units


def count_runs(
    units: NDArray[np.int64], longest: int = LONGEST, seldom: Sequence[int] = MIN_COUNTS
) -> list[NgramCounts]:
    """Return the runs of 1, 2, ... `longest` units in a text, those that came often enough."""
    runs = []
    keys = np.zeros(len(units), np.int64)
    for size in range(1, longest + 1):
        keys = (keys[: len(units) - size + 1] << BITS) | units[size - 1 :]
        found, counts = np.unique(keys, return_counts=True)
        kept = counts >= seldom[size - 1]
        runs.append(NgramCounts(found[kept], counts[kept].astype(np.int32)))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=Path, help="packed clips, to leave out those held out")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--fortunes", type=Path, default=Path("/usr/share/games/fortunes"))
    parser.add_argument("--questions", type=int, default=10_000, help="synthetic ones to read")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    without: frozenset[tuple[int, ...]] = frozenset()
    if given.clips:
        held = AncatTrainingConfig(model=AncatConfig()).held_out
        without = frozenset(_sentences(given.clips, held))
    rng = np.random.default_rng(1)
    sources = {
        "WordNet's examples": [s.text for s in wordnet(given.wordnet)],
        "WordNet's definitions": [s.text for s in definitions(given.wordnet)],
        "fortunes": [s.text for s in fortunes(given.fortunes)],
        "made-up questions": [template(rng).text for _ in range(given.questions)],
    }
    units: list[int] = []
    about: dict[str, object] = {}
    for name, texts in sources.items():
        before = len(units)
        for sentence in spell(texts, without):
            units += sentence
        about[name] = len(units) - before
        logger.info("%s: %d letters", name, about[name])
    runs = count_runs(np.array(units, np.int64))
    save(runs, given.out, about)
    logger.info("%s runs, %d bytes", [len(one.keys) for one in runs], given.out.stat().st_size)


def _sentences(folder: Path, engines: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Yield the units of each sentence in a clip of `engines`."""
    for clip in load_clips(folder).all:
        if clip.engine in engines:
            for text in (clip.text, *clip.text.replace("?", ".").replace("!", ".").split(".")):
                yield from map(tuple, spell([text], frozenset()))


if __name__ == "__main__":
    main()
