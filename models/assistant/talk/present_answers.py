"""Answers about what is in view: names, presence, people, places and colors."""

from dataclasses import replace

from models.assistant.scene.query_parsing import QueryTerm
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import PEOPLE, LoggedEntry
from models.assistant.talk.scene_view import (
    SUPPOSED,
    SURE,
    UNNAMED,
    SceneAnswer,
    SceneView,
    cannot_know,
    closest,
    confidence_of,
    contents,
    main_thing,
    people_in,
    probability,
    seen_as,
    subject,
    unseen,
)
from models.assistant.talk.wording import people, sentence, span, with_article
from models.assistant.understanding.wanted import Form, Scope, Wanted
from models.vision.class_names import PERSON

NOTHING = "I see nothing now: the picture is dark or empty"


def name(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is in view; of a kind, if the question names one: an animal."""
    entry, last = view.newest, len(view.entries) - 1
    for term in form.terms:
        if view.is_now((view.rows(term, present=True) or [-1])[-1]):
            return SceneAnswer(
                _looks_like(entry, seen_as(entry, term)), (last,), entry_confidence(entry)
            )
        return SceneAnswer(f"I see no {term.word}. {_now(entry)}", (last,), entry_confidence(entry))
    return SceneAnswer(_now(entry), (last,), entry_confidence(entry))


def presence(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing, or somebody, is or was in view; of several things, each."""
    if form.word == "and":
        each = [replace(form, terms=(term,), persons=False, word="") for term in form.terms]
        each += [replace(form, terms=(), word="")] if form.persons else []
        found = [presence(view, one) for one in each]
        based = tuple(row for one in found for row in one.rows)
        return SceneAnswer(" ".join(one.text for one in found), based)
    if form.word == "gone":
        return _gone(view, form)
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    if term is not PEOPLE and not term.name_ids:
        near = _nearest(view, term)
        text = f"No {term.word} that I can tell, but {_lower(cannot_know(term))}{near}."
        return SceneAnswer(text, (len(view.entries) - 1,) if near else ())
    current = form.scope is Scope.NOW
    rows = view.rows(term, yes_no=True, present=current)
    sure = confidence_of(view, rows, term)
    if not rows:
        return SceneAnswer(_absent(view, term, form), confidence=_opposite(view, term))
    last = rows[-1]
    if view.is_now(last) and form.scope is not Scope.PAST:
        return SceneAnswer(f"Yes, {_seen_now(view, term, sure)}.", (last,), sure)
    if current:
        when = format_time(view.time(last))
        gone = "I last saw someone" if term is PEOPLE else f"I last saw {with_article(term.word)}"
        head = "nobody is in view now" if term is PEOPLE else "not now"
        return SceneAnswer(f"No, {head}. {gone} at {when}.", (last,), sure)
    first, final = view.runs(rows)[-1]
    times = span(view.time(first), view.time(final))
    what = (
        _somebody(view, rows)
        if term is PEOPLE
        else with_article(seen_as(view.entries[final], term))
    )
    return SceneAnswer(f"Yes, I saw {what} {times}.", (first, final), sure)


def _gone(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing is no longer in view."""
    found = presence(view, replace(form, scope=Scope.NOW, word=""))
    if not found.rows:
        term = PEOPLE if form.persons and not form.terms else form.terms[0]
        return SceneAnswer(unseen(term))
    if found.text.startswith("Yes"):
        return replace(found, text=found.text.replace("Yes", "No", 1))
    last = found.text.partition(". ")[2]
    return replace(found, text=f"Yes. {last}")


def choice(view: SceneView, form: Form) -> SceneAnswer:
    """Return which of several things is in view."""
    known = [term for term in form.terms if term.name_ids]
    last = len(view.entries) - 1
    found = [term for term in known if last in view.rows(term, present=True)]
    sure = [confidence_of(view, [last], term) or 0.0 for term in found]
    if found:
        best = max(range(len(found)), key=sure.__getitem__)
        text = _looks_like(view.newest, seen_as(view.newest, found[best]))
        return SceneAnswer(text, (last,), sure[best])
    return SceneAnswer(f"Neither, as far as I can tell. {_now(view.newest)}", (last,))


def count_people(view: SceneView, form: Form) -> SceneAnswer:
    """Return how many persons are in view, and the most at once for a question about the past."""
    last = len(view.entries) - 1
    counts = [people_in(entry) for entry in view.entries]
    most = max(counts)
    row = counts.index(most)
    if form.scope is Scope.NOW:
        if counts[-1]:
            return SceneAnswer(sentence(f"I see {people(counts[-1])}"), (last,))
        if most:
            seen = max(row for row, count in enumerate(counts) if count)
            earlier = f"I last saw {people(counts[seen])}, at {format_time(view.time(seen))}"
            return SceneAnswer(f"I see nobody now. {earlier}.", (seen,))
        return SceneAnswer("I see nobody.", (last,))
    if not most:
        return SceneAnswer("I have seen nobody.")
    at_once = "" if most == 1 else " at once"
    return SceneAnswer(f"I saw {people(most)}{at_once}, at {format_time(view.time(row))}.", (row,))


def who(view: SceneView, form: Form) -> SceneAnswer:
    """Return how many persons there are, without saying who."""
    found = presence(view, Form(wanted=Wanted.PRESENCE, scope=form.scope, persons=True))
    rest = found.text.partition(", ")[2] or found.text
    if found.text.startswith("Yes"):
        them = "it is" if "one person" in rest else "they are"
        return SceneAnswer(f"{sentence(rest)[:-1]}, but I cannot tell who {them}.", found.rows)
    return SceneAnswer(sentence(rest), found.rows)


def empty(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether nobody is in view."""
    del form
    last = len(view.entries) - 1
    count = people_in(view.newest)
    if count:
        return SceneAnswer(f"No, I see {people(count)}.", (last,))
    rest = contents(view.newest)
    return SceneAnswer(f"I see nobody{f', but I see {rest}' if rest else ''}.", (last,))


def entry_confidence(entry: LoggedEntry) -> float | None:
    """Return how likely the main thing of `entry` is."""
    if not entry.main or entry.main in (UNNAMED, PERSON):
        return None
    return probability(entry)


def _now(entry: LoggedEntry) -> str:
    """Return the sentence that says what is in view."""
    seen = contents(entry)
    if not seen:
        return f"{NOTHING}."
    return sentence(f"I see {seen}")


def _looks_like(entry: LoggedEntry, found: str) -> str:
    if found == entry.main:
        return sentence(f"it is {main_thing(entry)}")
    sure = probability(entry, found) >= SURE
    thing = with_article(found)
    return f"It is {thing}." if sure else f"It looks like {thing} to me."


def _seen_now(view: SceneView, term: QueryTerm, sure: float | None) -> str:
    if term is PEOPLE:
        return f"I see {people(people_in(view.newest))}"
    thing = with_article(seen_as(view.newest, term))
    return f"I think I see {thing}" if sure is not None and sure < SURE else f"I see {thing}"


def _never(term: QueryTerm, *, current: bool) -> str:
    if current and term is PEOPLE:
        return "No, I see nobody."
    if current:
        return f"No, I do not recognize {subject(term)}."
    if term is PEOPLE:
        return "No, I have not seen anybody."
    return f"No, I have not recognized {subject(term)}."


def _absent(view: SceneView, term: QueryTerm, form: Form) -> str:
    """Return that `term` was not seen; with doubt if it is not known what is in view."""
    entry, current = view.newest, form.scope is Scope.NOW
    unsure = entry.main not in ("", PERSON) and probability(entry) < SUPPOSED
    if current and unsure and term is not PEOPLE:
        doubt = f"I am not sure what I see: {main_thing(entry)}"
        return f"No {term.word} that I recognize, but {doubt}."
    if form.word == "this":
        return f"{_never(term, current=current)} {_now(entry)}"
    near = _nearest(view, term) if current and term is not PEOPLE else ""
    return f"{_never(term, current=current)[:-1]}{near}."


def _nearest(view: SceneView, term: QueryTerm) -> str:
    """Return that the closest thing to `term` is in view, if it is; else an empty text."""
    found = closest(view, term)
    if found is None or view.newest.main != found.word:
        return ""
    return f": I see {with_article(found.word)}"


def _opposite(view: SceneView, term: QueryTerm) -> float | None:
    most = confidence_of(view, range(len(view.entries)), term)
    return None if most is None else 1.0 - most


def _somebody(view: SceneView, rows: list[int]) -> str:
    return people(max(people_in(view.entries[row]) for row in rows))


def _lower(text: str) -> str:
    return text if text.startswith("I ") else text[:1].lower() + text[1:]


ANSWERS = {
    Wanted.NAME: name,
    Wanted.PRESENCE: presence,
    Wanted.CHOICE: choice,
    Wanted.PEOPLE: count_people,
    Wanted.WHO: who,
    Wanted.EMPTY: empty,
}
