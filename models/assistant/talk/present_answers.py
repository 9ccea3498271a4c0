"""Answers about what is in view: names, presence, people, places and colors."""

from collections import Counter

from models.assistant.scene.query_parsing import QueryTerm
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import PEOPLE, PERSON, LoggedEntry
from models.assistant.talk.scene_view import (
    SUPPOSED,
    SURE,
    UNNAMED,
    SceneAnswer,
    SceneView,
    cannot_know,
    confidence_of,
    contents,
    is_main,
    main_thing,
    people_in,
    probability,
    seen_as,
    subject,
)
from models.assistant.talk.wording import people, sentence, span, with_article
from models.assistant.understanding.wanted import Form, Scope, Wanted

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
    """Return whether a thing, or somebody, is or was in view."""
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    if term is not PEOPLE and not term.name_ids:
        return SceneAnswer(f"No {term.word} that I can tell, but {_lower(cannot_know(term))}.")
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


def where(view: SceneView, form: Form) -> SceneAnswer:
    """Return on which side a thing is, or was last."""
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    if term is not PEOPLE and not term.name_ids:
        return SceneAnswer(f"{cannot_know(term)}, so I cannot tell where.")
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(_unseen(term))
    row, it = rows[-1], "someone" if term is PEOPLE else f"the {term.word}"
    entry, now = view.entries[row], view.is_now(rows[-1])
    side = (
        f"{_side(entry.scene.place)} of the picture"
        if is_main(entry, term) and entry.scene.place
        else ""
    )
    if now:
        be = "are" if it.endswith("s") and not it.endswith("ss") else "is"
        text = f"{it} {be} {side}" if side else f"I see {it}, but I cannot tell on which side"
    else:
        gone, seen = ("anybody", "someone") if term is PEOPLE else (it, "it")
        text = f"I do not see {gone} now. I last saw {seen} at {format_time(view.time(row))}"
        text += f", {side}" if side else ""
    return SceneAnswer(sentence(text), (row,), confidence_of(view, [row], term))


def side(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is on one side of the picture: only the place of the main thing is known."""
    entry, last = view.newest, len(view.entries) - 1
    wanted = "middle" if form.word.startswith("cent") else form.word
    if entry.main and entry.scene.place == wanted:
        return SceneAnswer(sentence(f"{_side(wanted)} I see {main_thing(entry)}"), (last,))
    if not entry.main:
        return SceneAnswer(f"{NOTHING}.", (last,))
    place = f", which is {_side(entry.scene.place)}" if entry.scene.place else ""
    return SceneAnswer(
        f"I cannot tell: I know the place of the main thing only, {main_thing(entry)}{place}.",
        (last,),
    )


def is_side(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing is on one side."""
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    wanted = "middle" if form.word.startswith("cent") else form.word
    rows = view.rows(term, present=True) if term is PEOPLE or term.name_ids else []
    if not rows or not is_main(view.entries[rows[-1]], term) or not view.is_now(rows[-1]):
        return where(view, form)
    place = view.newest.scene.place
    if place == wanted:
        return SceneAnswer(f"Yes, {_side(place)}.", (rows[-1],))
    return SceneAnswer(
        f"No, {_side(place)} of the picture." if place else "I cannot tell.", (rows[-1],)
    )


def colour(view: SceneView, form: Form) -> SceneAnswer:
    """Return the color of a thing, as most observations of it have it."""
    if not form.terms:
        return SceneAnswer("I cannot tell the colors of people or of their clothes.")
    term = form.terms[0]
    if not term.name_ids:
        shown = view.newest.scene.colour
        rest = f" The main thing in view looks {shown} to me." if shown else ""
        return SceneAnswer(f"{cannot_know(term)}.{rest}", (len(view.entries) - 1,))
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(_unseen(term))
    found = colour_of(view, term)
    if not found:
        return SceneAnswer(f"I cannot tell the color of the {term.word}.", (rows[-1],))
    now = view.is_now(rows[-1])
    times = "" if now else f", at {format_time(view.time(rows[-1]))}"
    sure = confidence_of(view, rows, term)
    if sure is not None and sure < SUPPOSED:
        times += ", but I am not sure what it is"
    return SceneAnswer(f"It look{'s' if now else 'ed'} {found} to me{times}.", (rows[-1],))


def is_colour(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing has a color."""
    term, asked = form.terms[0], form.word.replace("gray", "grey")
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(_unseen(term))
    found = colour_of(view, term)
    if not found:
        return SceneAnswer(f"I cannot tell the color of the {term.word}.", (rows[-1],))
    text = f"Yes, it looks {found} to me" if found == asked else f"No, it looks {found} to me"
    return SceneAnswer(f"{text}. I am often wrong about colors.", (rows[-1],))


def colour_of(view: SceneView, term: QueryTerm) -> str:
    """Return the color that most entries with `term` as their main thing have; empty if none."""
    rows = [row for row in view.rows(term) if is_main(view.entries[row], term)] or view.rows(term)
    colors = Counter(view.entries[row].scene.colour for row in rows)
    colors.pop("", None)
    return colors.most_common(1)[0][0] if colors else ""


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
    instead = f" {_now(entry)}" if form.word == "this" else ""
    return _never(term, current=current) + instead


def _unseen(term: QueryTerm) -> str:
    if term is not PEOPLE and not term.name_ids:
        return f"{cannot_know(term)}."
    return f"I have not {'seen' if term is PEOPLE else 'recognized'} {subject(term)}."


def _opposite(view: SceneView, term: QueryTerm) -> float | None:
    most = confidence_of(view, range(len(view.entries)), term)
    return None if most is None else 1.0 - most


def _somebody(view: SceneView, rows: list[int]) -> str:
    return people(max(people_in(view.entries[row]) for row in rows))


def _side(place: str) -> str:
    return "in the middle" if place == "middle" else f"on the {place}"


def _lower(text: str) -> str:
    return text if text.startswith("I ") else text[:1].lower() + text[1:]


ANSWERS = {
    Wanted.NAME: name,
    Wanted.PRESENCE: presence,
    Wanted.CHOICE: choice,
    Wanted.PEOPLE: count_people,
    Wanted.WHO: who,
    Wanted.EMPTY: empty,
    Wanted.WHERE: where,
    Wanted.SIDE: side,
    Wanted.IS_SIDE: is_side,
    Wanted.COLOUR: colour,
    Wanted.IS_COLOUR: is_colour,
}
