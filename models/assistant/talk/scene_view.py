"""What was seen up to a question: which rows of the scene log show a thing, and how to name it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.assistant.scene.query_parsing import (
    ParsedQuery,
    QueryTerm,
    find_kin_ids,
    find_name_ids,
)
from models.assistant.scene.scene_log import PEOPLE, LoggedEntry, matching_rows
from models.assistant.scene.scene_making import COARSE_KINDS, PERSON_SCORE
from models.assistant.scene.seen_text import SceneReading
from models.assistant.scene.vocabulary import KINDS
from models.assistant.talk.wording import listed, people, plural, with_article
from models.vision.class_names import NAMES, PERSON
from models.vision.detection import Detection

UNNAMED = "something"
SURE = 0.5  # probability from which a name is stated, not only supposed
CERTAIN = 0.7  # probability from which a thing is nothing else that has a name
SUPPOSED = 0.35  # probability below which there are alternatives
OTHER = 0.4  # probability from which a thing beside the main one is mentioned
LIKELY = (
    0.15  # probability from which a name is an alternative, or a thing that passed by is listed
)


@dataclass(frozen=True, slots=True, eq=False)
class SceneView:
    """Entries in order of time, at least one; `now` is the time of the question in seconds.

    `reading` is what was read for the question, if text was searched.
    """

    entries: Sequence[LoggedEntry]
    now: float
    reading: SceneReading | None = None

    @property
    def newest(self) -> LoggedEntry:
        return self.entries[-1]

    def rows(self, term: QueryTerm, *, yes_no: bool = False, present: bool = False) -> list[int]:
        """Return the indexes of the entries that show `term`, with the search's thresholds."""
        query = ParsedQuery(
            term.name_ids, term is PEOPLE, (term,), yes_no=yes_no or present, present=present
        )
        return matching_rows(self.entries, term, query)

    def main_rows(self, term: QueryTerm) -> list[int]:
        """Return the rows whose main thing is `term`; if there are none, all that show it."""
        rows = self.rows(term)
        return [row for row in rows if is_main(self.entries[row], term)] or rows

    def runs(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """Return the first and last row of each run of `rows` without others in between."""
        starts = [rows[0], *(b for a, b in pairwise(rows) if b != a + 1)] if rows else []
        ends = [*(a for a, b in pairwise(rows) if b != a + 1), rows[-1]] if rows else []
        return list(zip(starts, ends, strict=True))

    def time(self, row: int) -> float:
        return self.entries[row].scene.time

    def is_now(self, row: int) -> bool:
        return row == len(self.entries) - 1

    def neighbor(self, row: int, step: int) -> int | None:
        """Return the nearest row before (step -1) or after `row` with another main thing."""
        main = self.entries[row].main
        rows = range(row + step, len(self.entries) if step > 0 else -1, step)
        return next((each for each in rows if self.entries[each].main not in (main, "")), None)

    def mains(self) -> list[int]:
        """Return the row of the first occurrence of each main thing with a name."""
        found: dict[str, int] = {}
        for row, entry in enumerate(self.entries):
            if entry.main and entry.main != UNNAMED and probability(entry) >= LIKELY:
                found.setdefault(entry.main, row)
        return list(found.values())


def closest(view: SceneView, term: QueryTerm) -> QueryTerm | None:
    """Return what was seen that `term` may be: the one thing of its kind, if it was not seen.

    A donkey may be the horse that was seen, if no other animal of that kind was. What perception
    has a name for is not taken for something else that it is sure of: a cat is no dog.
    """
    if term is PEOPLE or view.rows(term):
        return None
    kin = {NAMES[column] for column in find_kin_ids(term.word)}
    mains = [entry for entry in view.entries if entry.main in kin]
    found = {entry.main for entry in mains if probability(entry) >= SUPPOSED}
    if len(found) != 1:
        return None
    (name,) = found
    doubted = all(probability(entry) < CERTAIN for entry in mains) or name in KINDS
    return QueryTerm(name, find_name_ids(name)) if doubted or not term.name_ids else None


def doubtful(view: SceneView) -> LoggedEntry | None:
    """Return an entry with the one main thing that was never recognized, if there is just one.

    What a question presumes to have been there, and was not recognized, may be this.
    """
    named = [entry for entry in view.entries if entry.main not in ("", PERSON)]
    sure = {entry.main for entry in named if _recognized(entry)}
    rest = {entry.main: entry for entry in named if entry.main not in sure}
    return next(iter(rest.values())) if len(rest) == 1 else None


def _recognized(entry: LoggedEntry) -> bool:
    return entry.main != UNNAMED and probability(entry) >= SUPPOSED


def is_main(entry: LoggedEntry, term: QueryTerm) -> bool:
    if term is PEOPLE:
        return entry.main == PERSON
    if entry.main in COARSE_KINDS and term.name_ids:  # a cat, of an animal that may be one
        return term.name_ids <= find_name_ids(entry.main)
    return entry.main in {term.word, *(NAMES[index] for index in term.name_ids)}


def probability(entry: LoggedEntry, name: str = "") -> float:
    """Return the probability of `name`, by default of the main thing; 1.0 for persons."""
    name = name or entry.main
    if name == PERSON:
        return 1.0
    columns = [NAMES.index(name)] if name in NAMES else sorted(find_name_ids(name))
    return min(1.0, float(entry.probabilities[columns].sum()))


def seen_as(entry: LoggedEntry, term: QueryTerm) -> str:
    """Return the name that `term` has in `entry`: dog, if the term is animal and that is known."""
    if term is PEOPLE or not term.name_ids:
        return term.word
    if entry.main in COARSE_KINDS and find_name_ids(entry.main) <= term.name_ids:
        return entry.main  # which animal it is, is not known
    if entry.main in (NAMES[index] for index in term.name_ids):
        return entry.main
    columns = sorted(term.name_ids)
    best = NAMES[columns[int(entry.probabilities[columns].argmax())]]
    return best if len(columns) > 1 and not _same_thing(term.word, best) else term.word


def _same_thing(word: str, name: str) -> bool:
    return find_name_ids(word) == find_name_ids(name)


def contents(entry: LoggedEntry, *, without: Sequence[str] = ()) -> str:
    """Return everything in `entry`: a cup, a table and two people; empty if nothing is."""
    things = [main_thing(entry)] if entry.main not in ("", PERSON, *without) else []
    others = [name for name in entry.scene.others if probability(entry, name) >= OTHER]
    things += [with_article(name) for name in others if name not in (entry.main, *without)]
    count = people_in(entry)
    if count and PERSON not in without:
        things.append(people(count))
    return listed(things)


def main_thing(entry: LoggedEntry) -> str:
    """Return the main thing of `entry`: a cup, what looks like a cup, two people, or nothing."""
    main, sure = entry.main, probability(entry) if entry.main else 1.0
    if main == PERSON:
        return people(people_in(entry))
    if not main:
        return "nothing"
    if main == UNNAMED:
        return "something that I have no name for"
    if main in COARSE_KINDS:
        likely = _likeliest(entry, sorted(find_name_ids(main)), LIKELY)
        return with_article(main) + (f", perhaps {listed(likely, 'or')}" if likely else "")
    if sure >= SURE:
        return with_article(main)
    if sure >= SUPPOSED:
        return f"what looks like {with_article(main)}"
    likely = _likeliest(entry, range(len(NAMES)), sure / 2)
    return f"something that may be {listed(likely or [with_article(main)], 'or')}"


def boxes_of(
    entry: LoggedEntry, term: QueryTerm, *, min_score: float = PERSON_SCORE
) -> list[Detection]:
    """Return the boxes of `term` in `entry`, the largest first."""
    names = {PERSON} if term is PEOPLE else {NAMES[column] for column in term.name_ids}
    found = [each for each in entry.detections if each.name in names and each.score >= min_score]
    return sorted(found, key=lambda each: -each.area)


def people_in(entry: LoggedEntry) -> int:
    return max(entry.scene.people, 1 if entry.main == PERSON else 0)


def _likeliest(entry: LoggedEntry, columns: Sequence[int], least: float) -> list[str]:
    """Return the two likeliest of the names in `columns` that are at least so likely."""
    order = sorted(columns, key=lambda column: -float(entry.probabilities[column]))[:2]
    return [with_article(NAMES[each]) for each in order if entry.probabilities[each] >= least]


@dataclass(frozen=True, slots=True)
class SceneAnswer:
    """A sentence, the rows of the entries that it is based on, and how sure it is, if known.

    If it is `open`, a language model may add something that `talk.checking` lets pass.
    """

    text: str
    rows: tuple[int, ...] = ()
    confidence: float | None = None
    open: bool = False


def subject(term: QueryTerm) -> str:
    """Return what `term` is called in a sentence: a cup, anybody."""
    if term.word == UNNAMED:
        return "it"
    return "anybody" if term is PEOPLE else with_article(term.word)


def cannot_know(term: QueryTerm) -> str:
    """Return the sentence for a word that perception has no name for."""
    return f"I do not know {plural(term.word)} by sight"


def unseen(term: QueryTerm) -> str:
    """Return the sentence for a thing that was never seen."""
    if term is not PEOPLE and not term.name_ids:
        return f"{cannot_know(term)}."
    return f"I have not {'seen' if term is PEOPLE else 'recognized'} {subject(term)}."


def confidence_of(view: SceneView, rows: Sequence[int], term: QueryTerm) -> float | None:
    """Return the highest probability of `term` in `rows`, None for persons."""
    if term is PEOPLE or not rows or not term.name_ids:
        return None
    columns = sorted(term.name_ids)
    return min(1.0, max(float(view.entries[row].probabilities[columns].sum()) for row in rows))
