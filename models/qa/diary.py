"""What was seen, in words and shares, with the blocks that hold it; and which to answer from.

This is external retrieval: the small language model cannot tell by itself which moments a
question is about, so names in the question are looked up in what the classifier saw.

Source: ReKV, Di et al. 2025, section 3.3 (external retrieval), with names instead of vectors.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.qa.classes import NAMES
from models.qa.moments import Moment
from models.qa.nouns import About

logger = logging.getLogger(__name__)

SEEN = 0.2  # share from which a name counts as seen


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A moment, the block of keys and values that holds it, and shares of names, (names,)."""

    block: int
    moment: Moment
    shares: NDArray[np.float32]

    @property
    def main(self) -> str:
        return self.moment.names[0][0] if self.moment.names else ""


@dataclass(slots=True, eq=False)
class Diary:
    """Entries in order of time."""

    entries: list[Entry] = field(default_factory=list)

    def until(self, time: float | None, known: Iterable[int]) -> list[Entry]:
        """Return the entries up to `time` whose blocks are among `known`."""
        blocks = set(known)
        limit = np.inf if time is None else time
        return [e for e in self.entries if e.moment.time <= limit and e.block in blocks]


def to_line(entry: Entry) -> str:
    """Return `entry` as one line of JSON; shares under 0.5 % are not kept."""
    kept = np.flatnonzero(entry.shares >= 0.005)
    shares = [[NAMES[column], round(float(entry.shares[column]), 3)] for column in kept]
    return json.dumps({"block": entry.block, "shares": shares} | asdict(entry.moment))


def from_lines(lines: Iterable[str]) -> Diary:
    """Return the diary that `lines` of `to_line` hold; one cut short by a crash is left out."""
    diary = Diary()
    for line in lines:
        try:
            diary.entries.append(_entry(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            logger.warning("left a damaged line out of a diary: %.60s", line)
    return diary


def _entry(stored: dict[str, Any]) -> Entry:  # any JSON object
    shares = np.zeros(len(NAMES), np.float32)
    for name, share in stored["shares"]:
        shares[NAMES.index(name)] = share
    moment = Moment(
        time=float(stored["time"]),
        names=tuple((str(name), float(share)) for name, share in stored["names"]),
        colour=str(stored["colour"]),
        place=str(stored["place"]),
        others=tuple(str(name) for name in stored["others"]),
        people=int(stored["people"]),
    )
    return Entry(int(stored["block"]), moment, shares)


def choose(entries: Sequence[Entry], asked: About, *, count: int) -> list[Entry]:
    """Return at most `count` entries to answer from, in order of time.

    First the newest; then the first and the last sight of what is asked about, with their
    neighbours of another kind, then its other sights; then the begins of scenes, evenly.
    """
    if not entries:
        return []
    order = [len(entries) - 1]
    hits = _hits(entries, asked)
    for run in _ends(hits):
        order += [run, *_neighbours(entries, run)]
    order += _spread(hits, count // 3)
    order += _spread(_begins(entries), count)
    chosen = list(dict.fromkeys(order))[:count]
    return [entries[index] for index in sorted(chosen)]


def _hits(entries: Sequence[Entry], asked: About) -> list[int]:
    """Return the places of entries that show what is asked about."""
    columns = sorted(asked.names)
    found = []
    for index, entry in enumerate(entries):
        share = float(entry.shares[columns].sum()) if columns else 0.0
        named = {entry.main, *entry.moment.others} & {NAMES[column] for column in columns}
        if share >= SEEN or named or (asked.persons and entry.moment.people):
            found.append(index)
    return found


def _ends(hits: Sequence[int]) -> list[int]:
    """Return the last hit, the first, and the ends of the runs between, the latest first."""
    if not hits:
        return []
    ends = [a for a, b in pairwise(hits) if b != a + 1]
    return list(dict.fromkeys([hits[-1], hits[0], *reversed(ends)]))[:4]


def _neighbours(entries: Sequence[Entry], at: int) -> list[int]:
    """Return the nearest places before and after `at` with another main thing."""
    main = entries[at].main
    before = next((i for i in range(at - 1, -1, -1) if entries[i].main != main), None)
    after = next((i for i in range(at + 1, len(entries)) if entries[i].main != main), None)
    return [place for place in (before, after) if place is not None]


def _begins(entries: Sequence[Entry]) -> list[int]:
    """Return the places where the main thing changes."""
    return [i for i, e in enumerate(entries) if i == 0 or e.main != entries[i - 1].main]


def _spread(places: Sequence[int], count: int) -> list[int]:
    if len(places) <= count:
        return list(places)
    picked = np.linspace(0, len(places) - 1, max(count, 1)).round().astype(int)
    return [places[index] for index in picked]
