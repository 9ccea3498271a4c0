"""The scene log: what was seen, with the blocks that hold it, and the search in it.

This is external retrieval. The small language model cannot tell which entries a question is
about, so the names in the question are looked up in the classifier's results.

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

from models.assistant.scene.query_parsing import ParsedQuery, QueryTerm
from models.assistant.scene.scene_entry import SceneEntry, SearchResult
from models.vision.class_names import NAMES, PERSON
from models.vision.detection import Detection

logger = logging.getLogger(__name__)

# The probability at which a name counts as seen: if a question asks whether it was seen, and if
# a question presumes it or asks about the newest frame. Chosen on the tuning half of the blind
# photographs: 31 and 35 of 39 things were found, 1 and 2 of 43 were not there.
SEEN_PROBABILITY = 0.1
PRESUMED_PROBABILITY = 0.02
MAX_PRESUMED_NAMES = 5  # names of a term, up to which the lower probability applies
NOTHING = "nothing"
LOGGED_SCORE = 0.2  # of a box, from which it is kept in the file
PEOPLE = QueryTerm("people", frozenset())


@dataclass(frozen=True, slots=True, eq=False)
class LoggedEntry:
    """A scene, the block of keys and values that holds it, and the probabilities, (names,).

    `stored_at` is the time in seconds at which it was stored; a change is confirmed first.
    `detections` are the boxes in it, the likeliest first.
    """

    block: int
    scene: SceneEntry
    probabilities: NDArray[np.float32]
    stored_at: float
    detections: tuple[Detection, ...] = ()

    @property
    def main(self) -> str:
        return self.scene.names[0][0] if self.scene.names else ""


@dataclass(slots=True, eq=False)
class SceneLog:
    """Entries in order of time; `removed` were taken out, so many more there have been.

    Others may read `entries` at any time, so only another list takes its place.
    """

    entries: list[LoggedEntry] = field(default_factory=list)
    removed: int = 0

    @property
    def added(self) -> int:
        """How many entries there have been."""
        return self.removed + len(self.entries)

    def since(self, added: int) -> list[LoggedEntry]:
        """Return the entries after the first `added`; those are not thinned."""
        return self.entries[max(0, added - self.removed) :]

    def keep(self, entries: list[LoggedEntry]) -> None:
        """Keep only `entries`."""
        self.removed += len(self.entries) - len(entries)
        self.entries = entries

    def entries_until(self, time: float | None, readable: Iterable[int]) -> list[LoggedEntry]:
        """Return the entries that were stored by `time` and whose blocks are `readable`."""
        blocks = set(readable)
        limit = np.inf if time is None else time
        return [e for e in self.entries if e.stored_at <= limit and e.block in blocks]


def to_line(entry: LoggedEntry, *, again: bool = False) -> str:
    """Return `entry` as one line of JSON, without probabilities below 0.5 % and unlikely boxes.

    If it is written `again`, it takes the place of the last line.
    """
    kept = np.flatnonzero(entry.probabilities >= 0.005)
    shares = [[NAMES[index], round(float(entry.probabilities[index]), 3)] for index in kept]
    boxes = [_to_json(each) for each in entry.detections if each.score >= LOGGED_SCORE]
    head = {"block": entry.block, "known": entry.stored_at, "shares": shares, "boxes": boxes}
    return json.dumps(head | asdict(entry.scene) | ({"again": True} if again else {}))


def from_lines(lines: Iterable[str]) -> SceneLog:
    """Return the log of `lines` from `to_line`; a line that a crash cut short is left out.

    A line may take the place of the one before: text was read in it.
    """
    log = SceneLog()
    for line in lines:
        try:
            stored = json.loads(line)
            entry = _from_json(stored)
            if stored.get("again") and log.entries and log.entries[-1].block == entry.block:
                log.entries.pop()
            log.entries.append(entry)
        except (ValueError, KeyError, TypeError):
            logger.warning("left a damaged line out of a scene log: %.60s", line)
    return log


def _from_json(stored: dict[str, Any]) -> LoggedEntry:  # any JSON object
    probabilities = np.zeros(len(NAMES), np.float32)
    for name, share in stored["shares"]:
        probabilities[NAMES.index(name)] = share
    scene = SceneEntry(
        time=float(stored["time"]),
        names=tuple((str(name), float(share)) for name, share in stored["names"]),
        colour=str(stored["colour"]),
        place=str(stored["place"]),
        others=tuple(str(name) for name in stored["others"]),
        people=int(stored["people"]),
        actions=tuple(str(each) for each in stored.get("actions", ())),
        text=tuple((str(text), float(score)) for text, score in stored.get("text", ())),
    )
    detections = tuple(  # logs of earlier versions have none
        Detection(
            str(name),
            float(left),
            float(top),
            float(right),
            float(bottom),
            float(score),
            str(colour),
        )
        for name, colour, score, left, top, right, bottom in stored.get("boxes", ())
    )
    return LoggedEntry(
        int(stored["block"]), scene, probabilities, float(stored["known"]), detections
    )


def _to_json(box: Detection) -> list[str | float]:
    numbers = (box.score, box.left, box.top, box.right, box.bottom)
    return [box.name, box.colour, *(round(each, 3) for each in numbers)]


def with_text(entries: Sequence[LoggedEntry]) -> list[LoggedEntry]:
    """Return the entries in which text was read."""
    return [entry for entry in entries if entry.scene.text]


def select_entries(
    entries: Sequence[LoggedEntry], query: ParsedQuery, *, count: int
) -> list[LoggedEntry]:
    """Return at most `count` entries to answer from, in order of time.

    The newest comes first; then the first and the last entry of each term, with their neighbors
    that show another thing; then further entries of the terms. If no term was seen, or there is
    none: the starts of scenes, evenly.
    """
    if not entries:
        return []
    order = [len(entries) - 1]
    matches = [matching_rows(entries, term, query) for term in _terms(query)]
    for rows in matches:
        for row in _run_ends(rows):
            order += [row, *_neighbors(entries, row)]
    for rows in matches:
        order += _evenly(rows, count // 3)
    if not any(matches):
        order += _evenly(_scene_starts(entries), count)
    selected = list(dict.fromkeys(order))[:count]
    return [entries[row] for row in sorted(selected)]


def search(entries: Sequence[LoggedEntry], query: ParsedQuery) -> tuple[SearchResult, ...]:
    """Return a result for each term of `query`, in order of the first occurrence."""
    results = [_search_term(entries, term, query) for term in _terms(query)]
    return tuple(sorted(results, key=lambda result: (not result.name, result.first)))


def matching_rows(entries: Sequence[LoggedEntry], term: QueryTerm, query: ParsedQuery) -> list[int]:
    """Return the indexes of the entries that show `term`."""
    if term is PEOPLE:
        return [row for row, entry in enumerate(entries) if entry.scene.people]
    probabilities = [_probability(entry, term) for entry in entries]
    highest = max(probabilities, default=0.0)
    required = [SEEN_PROBABILITY] * len(probabilities)
    if not query.yes_no and highest < SEEN_PROBABILITY:
        required = [max(PRESUMED_PROBABILITY, highest / 2)] * len(probabilities)
    if probabilities and query.present and len(term.name_ids) <= MAX_PRESUMED_NAMES:
        required[-1] = PRESUMED_PROBABILITY
    pairs = zip(probabilities, required, strict=True)
    return [row for row, (probability, enough) in enumerate(pairs) if probability >= enough]


def _is_main(entry: LoggedEntry, term: QueryTerm) -> bool:
    if term is PEOPLE:
        return entry.main == PERSON
    return entry.main in {term.word, *(NAMES[index] for index in term.name_ids)}


def _probability(entry: LoggedEntry, term: QueryTerm) -> float:
    name_ids = sorted(term.name_ids)
    if {entry.main, *entry.scene.others} & {term.word, *(NAMES[index] for index in name_ids)}:
        return 1.0
    return float(entry.probabilities[name_ids].sum())


def _terms(query: ParsedQuery) -> tuple[QueryTerm, ...]:
    return (*query.terms, PEOPLE) if query.persons else query.terms


def _search_term(
    entries: Sequence[LoggedEntry], term: QueryTerm, query: ParsedQuery
) -> SearchResult:
    rows = matching_rows(entries, term, query)
    if query.order:  # entries with the term as the main thing, not beside another
        rows = [row for row in rows if _is_main(entries[row], term)] or rows
    if not rows:
        return SearchResult(word=term.word, known=bool(term.name_ids) or term is PEOPLE)
    first, last = (entries[row] for row in (rows[0], rows[-1]))
    return SearchResult(
        word=term.word,
        name=_seen_as(last, term),
        first=first.scene.time,
        last=last.scene.time,
        now=rows[-1] == len(entries) - 1,
        before=_neighbor_name(entries, rows[-1], -1) if query.order else "",
        after=_neighbor_name(entries, rows[-1], 1) if query.order else "",
    )


def _seen_as(entry: LoggedEntry, term: QueryTerm) -> str:
    """Return the name that `term` was seen as in `entry`: a dog, if the term is animal."""
    if not term.name_ids or entry.main == term.word:
        return term.word
    name_ids = sorted(term.name_ids)
    return NAMES[name_ids[int(entry.probabilities[name_ids].argmax())]]


def _run_ends(rows: Sequence[int]) -> list[int]:
    """Return the last row, the first, and the ends of the runs between, the latest first."""
    if not rows:
        return []
    ends = [a for a, b in pairwise(rows) if b != a + 1]
    return list(dict.fromkeys([rows[-1], rows[0], *reversed(ends)]))[:4]


def _neighbors(entries: Sequence[LoggedEntry], at: int) -> list[int]:
    """Return the nearest rows before and after `at` with another main thing."""
    rows = (_next_different(entries, at, step) for step in (-1, 1))
    return [row for row in rows if row is not None]


def _next_different(entries: Sequence[LoggedEntry], at: int, step: int) -> int | None:
    """Return the nearest row after (step 1) or before (step -1) `at` with another main thing."""
    rows = range(at + 1, len(entries)) if step > 0 else range(at - 1, -1, -1)
    return next((row for row in rows if entries[row].main != entries[at].main), None)


def _neighbor_name(entries: Sequence[LoggedEntry], at: int, step: int) -> str:
    row = _next_different(entries, at, step)
    return NOTHING if row is None else entries[row].main or NOTHING


def _scene_starts(entries: Sequence[LoggedEntry]) -> list[int]:
    """Return the rows at which the main thing changes."""
    return [i for i, e in enumerate(entries) if i == 0 or e.main != entries[i - 1].main]


def _evenly(rows: Sequence[int], count: int) -> list[int]:
    if len(rows) <= count:
        return list(rows)
    picked = np.linspace(0, len(rows) - 1, max(count, 1)).round().astype(int)
    return [rows[index] for index in picked]
