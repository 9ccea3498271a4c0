"""Answers about the place and the color of things: those with boxes, and the main thing's."""

from collections import Counter
from collections.abc import Sequence

from models.assistant.scene.query_parsing import QueryTerm
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import PEOPLE, LoggedEntry
from models.assistant.scene.scene_making import PERSON_SCORE, place_name
from models.assistant.talk.box_answers import things
from models.assistant.talk.present_answers import NOTHING
from models.assistant.talk.scene_view import (
    SUPPOSED,
    SURE,
    SceneAnswer,
    SceneView,
    boxes_of,
    cannot_know,
    confidence_of,
    is_main,
    main_thing,
    unseen,
)
from models.assistant.talk.wording import sentence, span, with_article
from models.assistant.understanding.wanted import Form, Scope, Wanted


def where(view: SceneView, form: Form) -> SceneAnswer:
    """Return on which side a thing is, or was last."""
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    if term is not PEOPLE and not term.name_ids:
        return SceneAnswer(f"{cannot_know(term)}, so I cannot tell where.")
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(unseen(term))
    row, it = rows[-1], "someone" if term is PEOPLE else f"the {term.word}"
    entry, now = view.entries[row], view.is_now(rows[-1])
    place = place_of(entry, term)
    side = f"{_side(place)} of the picture" if place else ""
    if now:
        be = "are" if it.endswith("s") and not it.endswith("ss") else "is"
        text = f"{it} {be} {side}" if side else f"I see {it}, but I cannot tell on which side"
    else:
        gone, seen = ("anybody", "someone") if term is PEOPLE else (it, "it")
        text = f"I do not see {gone} now. I last saw {seen} at {format_time(view.time(row))}"
        text += f", {side}" if side else ""
    return SceneAnswer(sentence(text), (row,), confidence_of(view, [row], term))


def side(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is on one side of the picture: things with boxes, and the main thing."""
    entry, last = view.newest, len(view.entries) - 1
    wanted = "middle" if form.word.startswith("cent") else form.word
    boxes = [each for each in entry.detections if each.score >= PERSON_SCORE]
    there = [each for each in boxes if place_name(each.center[0]) == wanted]
    if there:
        return SceneAnswer(sentence(f"{_side(wanted)} I see {things(there)}"), (last,))
    if boxes and entry.scene.place != wanted:
        return SceneAnswer(f"I recognize nothing {_side(wanted)}.", (last,))
    if entry.main and entry.scene.place == wanted:
        return SceneAnswer(sentence(f"{_side(wanted)} I see {main_thing(entry)}"), (last,))
    if not entry.main:
        return SceneAnswer(f"{NOTHING}.", (last,))
    place = f" {_side(entry.scene.place)}" if entry.scene.place else ""
    return SceneAnswer(
        f"I cannot tell. I know the place of the main thing only: {main_thing(entry)}{place}.",
        (last,),
    )


def is_side(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing is on one side."""
    term = PEOPLE if form.persons and not form.terms else form.terms[0]
    wanted = "middle" if form.word.startswith("cent") else form.word
    rows = view.rows(term, present=True) if term is PEOPLE or term.name_ids else []
    if not rows or not view.is_now(rows[-1]):
        return where(view, form)
    place = place_of(view.newest, term)
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
    rows = view.rows(term) if term.name_ids else []
    if not rows:
        shown = view.newest.scene.colour if form.scope is not Scope.PAST else ""
        rest = f" The main thing in view looks {shown} to me." if shown else ""
        return SceneAnswer(f"{unseen(term)}{rest}", (len(view.entries) - 1,) if rest else ())
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
        return SceneAnswer(unseen(term))
    found = colour_of(view, term)
    if not found:
        return SceneAnswer(f"I cannot tell the color of the {term.word}.", (rows[-1],))
    text = f"Yes, it looks {found} to me" if found == asked else f"No, it looks {found} to me"
    return SceneAnswer(f"{text}. I am often wrong about colors.", (rows[-1],))


def about(view: SceneView, term: QueryTerm, rows: Sequence[int]) -> SceneAnswer:
    """Return what is known of a thing that `rows` show: color, side and times."""
    first, last = view.runs(rows)[-1]
    now, sure = view.is_now(last), confidence_of(view, rows, term)
    what = with_article(term.word, colour_of(view, term))
    what = what if sure is None or sure >= SURE else f"what looks like {what}"
    place = place_of(view.entries[last], term)
    side = f" {_side(place)} of the picture" if place else ""
    times = span(view.time(first), view.time(last), now=now)
    text = f"I {'have seen' if now else 'saw'} {what}{side} {times}."
    return SceneAnswer(text, (first, last), sure, open=True)


def colour_of(view: SceneView, term: QueryTerm) -> str:
    """Return the color that most entries with `term` as their main thing have; empty if none."""
    rows = view.rows(term)
    main = [row for row in rows if is_main(view.entries[row], term)]
    boxes = [next(iter(boxes_of(view.entries[row], term)), None) for row in rows]
    colors = Counter(view.entries[row].scene.colour for row in main)
    colors = colors or Counter(box.colour for box in boxes if box is not None)
    colors = colors or Counter(view.entries[row].scene.colour for row in rows)
    colors.pop("", None)
    return colors.most_common(1)[0][0] if colors else ""


def place_of(entry: LoggedEntry, term: QueryTerm) -> str:
    """Return where `term` is in `entry`, by its largest box or as the main thing, if known."""
    box = next(iter(boxes_of(entry, term)), None)
    if box is not None:
        return place_name(box.center[0])
    return entry.scene.place if is_main(entry, term) else ""


def _side(place: str) -> str:
    return "in the middle" if place == "middle" else f"on the {place}"


ANSWERS = {
    Wanted.WHERE: where,
    Wanted.SIDE: side,
    Wanted.IS_SIDE: is_side,
    Wanted.COLOUR: colour,
    Wanted.IS_COLOUR: is_colour,
}
