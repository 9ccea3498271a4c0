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

from models.assistant.scene.query_parsing import About, Thing
from models.assistant.scene.scene_entry import SceneEntry, SearchResult
from models.vision.class_names import NAMES

logger = logging.getLogger(__name__)

# Shares from which a name counts as seen: if a question asks whether, and if it takes that for
# granted, or asks about the newest picture alone. Chosen on the tuning half of the blind
# photographs: 31 and 35 of 39 things were found, 1 and 2 of 43 were not there.
SEEN = 0.1
SUPPOSED = 0.02
FEW = 5  # names that may be meant, up to which so little is enough
NOTHING = "nothing"
PERSON = "person"  # the main thing where it is a person
PEOPLE = Thing("people", frozenset())


@dataclass(frozen=True, slots=True, eq=False)
class LoggedEntry:
    """A moment, the block of keys and values that holds it, and shares of names, (names,).

    `known` is the time in seconds from which it was remembered: a change may have to stay first.
    """

    block: int
    moment: SceneEntry
    shares: NDArray[np.float32]
    known: float

    @property
    def main(self) -> str:
        return self.moment.names[0][0] if self.moment.names else ""


@dataclass(slots=True, eq=False)
class SceneLog:
    """Entries in order of time."""

    entries: list[LoggedEntry] = field(default_factory=list)

    def until(self, time: float | None, known: Iterable[int]) -> list[LoggedEntry]:
        """Return what was known at `time`, as far as its blocks are among `known`."""
        blocks = set(known)
        limit = np.inf if time is None else time
        return [e for e in self.entries if e.known <= limit and e.block in blocks]


def to_line(entry: LoggedEntry) -> str:
    """Return `entry` as one line of JSON; shares under 0.5 % are not kept."""
    kept = np.flatnonzero(entry.shares >= 0.005)
    shares = [[NAMES[column], round(float(entry.shares[column]), 3)] for column in kept]
    head = {"block": entry.block, "known": entry.known, "shares": shares}
    return json.dumps(head | asdict(entry.moment))


def from_lines(lines: Iterable[str]) -> SceneLog:
    """Return the diary that `lines` of `to_line` hold; one cut short by a crash is left out."""
    diary = SceneLog()
    for line in lines:
        try:
            diary.entries.append(_entry(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            logger.warning("left a damaged line out of a diary: %.60s", line)
    return diary


def _entry(stored: dict[str, Any]) -> LoggedEntry:  # any JSON object
    shares = np.zeros(len(NAMES), np.float32)
    for name, share in stored["shares"]:
        shares[NAMES.index(name)] = share
    moment = SceneEntry(
        time=float(stored["time"]),
        names=tuple((str(name), float(share)) for name, share in stored["names"]),
        colour=str(stored["colour"]),
        place=str(stored["place"]),
        others=tuple(str(name) for name in stored["others"]),
        people=int(stored["people"]),
    )
    return LoggedEntry(int(stored["block"]), moment, shares, float(stored["known"]))


def choose(entries: Sequence[LoggedEntry], asked: About, *, count: int) -> list[LoggedEntry]:
    """Return at most `count` entries to answer from, in order of time.

    First the newest; then the first and the last sight of each thing that is asked about, with
    their neighbours of another kind, then its other sights. If nothing is asked about, or it
    was not seen: the begins of scenes, evenly.
    """
    if not entries:
        return []
    order = [len(entries) - 1]
    sights = [hits(entries, thing, asked) for thing in _things(asked)]
    for sight in sights:
        for run in _ends(sight):
            order += [run, *_neighbours(entries, run)]
    for sight in sights:
        order += _spread(sight, count // 3)
    if not any(sights):
        order += _spread(_begins(entries), count)
    chosen = list(dict.fromkeys(order))[:count]
    return [entries[index] for index in sorted(chosen)]


def search(entries: Sequence[LoggedEntry], asked: About) -> tuple[SearchResult, ...]:
    """Return what was found for each thing that is asked about, in order of the first sight."""
    finds = [_find(entries, thing, asked) for thing in _things(asked)]
    return tuple(sorted(finds, key=lambda find: (not find.name, find.first)))


def hits(entries: Sequence[LoggedEntry], thing: Thing, asked: About) -> list[int]:
    """Return the places of entries that show `thing`."""
    if thing is PEOPLE:
        return [index for index, entry in enumerate(entries) if entry.moment.people]
    shares = [_share(entry, thing) for entry in entries]
    least = [SEEN] * len(shares)
    if not asked.whether and max(shares, default=0.0) < SEEN:
        least = [max(SUPPOSED, max(shares, default=0.0) / 2)] * len(shares)
    if shares and asked.present and len(thing.names) <= FEW:
        least[-1] = SUPPOSED
    pairs = zip(shares, least, strict=True)
    return [index for index, (share, enough) in enumerate(pairs) if share >= enough]


def _is(entry: LoggedEntry, thing: Thing) -> bool:
    """Return whether `thing` is the main thing of `entry`."""
    if thing is PEOPLE:
        return entry.main == PERSON
    return entry.main in {thing.word, *(NAMES[column] for column in thing.names)}


def _share(entry: LoggedEntry, thing: Thing) -> float:
    columns = sorted(thing.names)
    if {entry.main, *entry.moment.others} & {thing.word, *(NAMES[column] for column in columns)}:
        return 1.0
    return float(entry.shares[columns].sum())


def _things(asked: About) -> tuple[Thing, ...]:
    return (*asked.things, PEOPLE) if asked.persons else asked.things


def _find(entries: Sequence[LoggedEntry], thing: Thing, asked: About) -> SearchResult:
    places = hits(entries, thing, asked)
    if asked.order:  # what came before it, not before something that it was beside
        places = [place for place in places if _is(entries[place], thing)] or places
    if not places:
        return SearchResult(word=thing.word, known=bool(thing.names) or thing is PEOPLE)
    first, last = (entries[place] for place in (places[0], places[-1]))
    return SearchResult(
        word=thing.word,
        name=_called(last, thing),
        first=first.moment.time,
        last=last.moment.time,
        now=places[-1] == len(entries) - 1,
        before=_beside(entries, places[-1], -1) if asked.order else "",
        after=_beside(entries, places[-1], 1) if asked.order else "",
    )


def _called(entry: LoggedEntry, thing: Thing) -> str:
    """Return what `thing` was seen as in `entry`: a dog, if an animal is asked for."""
    if not thing.names or entry.main == thing.word:
        return thing.word
    columns = sorted(thing.names)
    return NAMES[columns[int(entry.shares[columns].argmax())]]


def _ends(hits: Sequence[int]) -> list[int]:
    """Return the last hit, the first, and the ends of the runs between, the latest first."""
    if not hits:
        return []
    ends = [a for a, b in pairwise(hits) if b != a + 1]
    return list(dict.fromkeys([hits[-1], hits[0], *reversed(ends)]))[:4]


def _neighbours(entries: Sequence[LoggedEntry], at: int) -> list[int]:
    """Return the nearest places before and after `at` with another main thing."""
    return [place for step in (-1, 1) if (place := _next(entries, at, step)) is not None]


def _next(entries: Sequence[LoggedEntry], at: int, step: int) -> int | None:
    """Return the nearest place from `at` on, or back, with another main thing."""
    places = range(at + 1, len(entries)) if step > 0 else range(at - 1, -1, -1)
    return next((place for place in places if entries[place].main != entries[at].main), None)


def _beside(entries: Sequence[LoggedEntry], at: int, step: int) -> str:
    place = _next(entries, at, step)
    return NOTHING if place is None else entries[place].main or NOTHING


def _begins(entries: Sequence[LoggedEntry]) -> list[int]:
    """Return the places where the main thing changes."""
    return [i for i, e in enumerate(entries) if i == 0 or e.main != entries[i - 1].main]


def _spread(places: Sequence[int], count: int) -> list[int]:
    if len(places) <= count:
        return list(places)
    picked = np.linspace(0, len(places) - 1, max(count, 1)).round().astype(int)
    return [places[index] for index in picked]
