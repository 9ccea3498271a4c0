"""Answers from the boxes of things: how many there are, what is on a table, what somebody holds."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from models.assistant.scene.query_parsing import QueryTerm, find_name_ids
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.scene.scene_making import PERSON_SCORE, largest_box
from models.assistant.talk.present_answers import name
from models.assistant.talk.scene_view import (
    SceneAnswer,
    SceneView,
    boxes_of,
    cannot_know,
    people_in,
)
from models.assistant.talk.wording import (
    MANY,
    counted,
    listed,
    people,
    plural,
    sentence,
    with_article,
)
from models.assistant.understanding.wanted import Form, Scope, Wanted
from models.vision.class_names import COUNTABLE, NAMES, PERSON
from models.vision.detection import Detection

POSSIBLE = 0.25  # score from which a box may be a thing, so that a count is unsure
HELD = 0.3  # score from which a thing may be held: hands hide parts of it
MAX_HELD_AREA = 0.6  # of a held thing, as a fraction of the area of the person
NOT_HELD = frozenset({
    "chair", "sofa", "bed", "table", "bench", "toilet", "sink", "oven", "fridge", "plant pot",
    "car", "bus", "train", "truck", "boat", "plane", "traffic light", "fire hydrant", "stop sign",
    "parking meter", "tie", "horse", "cow", "elephant", "bear", "zebra", "giraffe",
})  # fmt: skip
NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
COMPARED: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("more than", lambda found, asked: found > asked),
    ("fewer than", lambda found, asked: found < asked),
    ("less than", lambda found, asked: found < asked),
    ("at least", lambda found, asked: found >= asked),
    ("", lambda found, asked: found == asked),
)


def count(view: SceneView, form: Form) -> SceneAnswer:
    """Return how many things there are, or whether there are as many as the question says."""
    if form.persons and not form.terms:
        return _compared(people_in(view.newest), people(people_in(view.newest)), view, form)
    term = form.terms[0]
    last = len(view.entries) - 1
    if not term.name_ids & COUNTABLE:
        return _not_countable(view, term)
    numbers = [_number(entry, term) for entry in view.entries]
    if form.scope is Scope.PAST:
        most, row = max((number, -row) for row, (number, _) in enumerate(numbers))
        if not most:
            return SceneAnswer(f"I have not recognized {with_article(_one(term))}.")
        when = format_time(view.time(-row))
        return SceneAnswer(f"I saw {counted(most, _one(term))}, at {when}.", (-row,))
    found, sure = numbers[-1]
    if form.word:
        return _compared(found, _said(found, term, sure=sure), view, form)
    if found:
        return SceneAnswer(sentence(f"I see {_said(found, term, sure=sure)}"), (last,))
    return _not_countable(view, term)


def on(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is on a table or another large thing, from where the boxes end."""
    last, entry = len(view.entries) - 1, view.newest
    word = form.terms[0].word if form.terms else ""  # which a query takes for a place
    support = next(iter(boxes_of(entry, QueryTerm(word, find_name_ids(word)))), None)
    if support is None:
        return name(view, Form(wanted=Wanted.NAME, scope=form.scope))
    there = [each for each in _sure(entry) if each is not support and _stands_on(each, support)]
    if not there:
        return SceneAnswer(f"I recognize nothing on the {word}.", (last,))
    return SceneAnswer(sentence(f"I see {things(there)} on the {word}"), (last,))


def holding(view: SceneView, form: Form) -> SceneAnswer:
    """Return what somebody holds: the largest thing over the largest person."""
    last, entry = len(view.entries) - 1, view.newest
    person = largest_box(entry.detections, PERSON)
    held = [] if person is None else [each for each in entry.detections if _held(each, person)]
    if not held and entry.main == PERSON and not form.persons:
        return SceneAnswer("I cannot see what you are holding.", (last,))
    if not held:
        found = name(view, Form(wanted=Wanted.NAME, scope=form.scope))
        if not form.persons:  # whoever asks holds it into the camera
            return found
        return replace(found, text=f"I cannot tell what they are holding. {found.text}")
    best = max(held, key=lambda each: each.score * each.area)
    thing = with_article(best.name)
    text = f"it is {thing}" if best.score >= PERSON_SCORE else f"it looks like {thing} to me"
    return SceneAnswer(sentence(text), (last,), best.score)


def things(boxes: Sequence[Detection]) -> str:
    """Return the things in `boxes` with their numbers: two cups and a book."""
    names = dict.fromkeys(each.name for each in boxes)
    numbers = {each: sum(box.name == each for box in boxes) for each in names}
    return listed(
        [
            people(number) if each == PERSON else counted(number, each)
            for each, number in numbers.items()
        ]
    )


def _number(entry: LoggedEntry, term: QueryTerm) -> tuple[int, bool]:
    """Return how many boxes of `term` there are, and whether no further one is possible."""
    found = boxes_of(entry, term)
    possible = boxes_of(entry, term, min_score=POSSIBLE)
    return len(found), len(found) == len(possible) and len(found) < MANY


def _said(found: int, term: QueryTerm, *, sure: bool) -> str:
    return ("" if sure or not found else "about ") + counted(found, _one(term))


def _compared(found: int, said: str, view: SceneView, form: Form) -> SceneAnswer:
    """Return whether `found` is as many as the question says, and how many there are."""
    how, _, number = form.word.rpartition(" ")
    asked = NUMBERS.get(number) or (int(number) if number.isdigit() else 1)
    right = next(test for words, test in COMPARED if words == how)(found, asked)
    last = (len(view.entries) - 1,)
    return SceneAnswer(f"{'Yes' if right else 'No'}, I see {said}.", last)


def _not_countable(view: SceneView, term: QueryTerm) -> SceneAnswer:
    """Return what is known about a thing that has no boxes: whether it is in view."""
    if not term.name_ids:
        return SceneAnswer(f"{cannot_know(term)}, so I cannot count them.")
    rows = view.rows(term, present=True)
    if rows and view.is_now(rows[-1]):
        return SceneAnswer(f"I see at least one {_one(term)}.", (rows[-1],))
    return SceneAnswer(f"I recognize no {plural(_one(term))} now.", (len(view.entries) - 1,))


def _one(term: QueryTerm) -> str:
    """Return the word of `term` in the singular."""
    found = [NAMES[each] for each in term.name_ids if plural(NAMES[each]) == term.word]
    return found[0] if found else re.sub(r"(?<=[a-z]{2}[^su])s$", "", term.word)


def _sure(entry: LoggedEntry) -> list[Detection]:
    return [each for each in entry.detections if each.score >= PERSON_SCORE]


def _stands_on(thing: Detection, support: Detection) -> bool:
    """Return whether `thing` ends within `support`, and is not much wider."""
    x, _ = thing.center
    inside = support.left <= x <= support.right and support.top <= thing.bottom
    return inside and thing.bottom <= support.bottom and thing.area < support.area


def _held(thing: Detection, person: Detection) -> bool:
    if thing.name == PERSON or thing.name in NOT_HELD or thing.score < HELD:
        return False
    wide = min(thing.right, person.right) - max(thing.left, person.left)
    high = min(thing.bottom, person.bottom) - max(thing.top, person.top)
    return wide > 0 and high > 0 and thing.area <= MAX_HELD_AREA * person.area


ANSWERS = {Wanted.COUNT: count, Wanted.ON: on, Wanted.HOLDING: holding}
