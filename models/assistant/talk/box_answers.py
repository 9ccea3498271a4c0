"""Answers from the boxes of things: how many there are, what is on a table, what somebody holds."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from models.assistant.scene.query_parsing import QueryTerm
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
    if form.word == "things":
        return _all_things(view)
    if form.word:
        return _count_of(view, form)
    found = [_count_of(view, replace(form, terms=(each,))) for each in form.terms if each.name_ids]
    based = tuple(dict.fromkeys(row for each in found for row in each.rows))
    return SceneAnswer(" ".join(each.text for each in found), based)


def _count_of(view: SceneView, form: Form) -> SceneAnswer:
    """Return how many there are of the first thing of `form`."""
    term = form.terms[0]
    last = len(view.entries) - 1
    if not term.name_ids & COUNTABLE:
        return _not_countable(view, term)
    numbers = [_number(entry, term) for entry in view.entries]
    if form.scope is Scope.PAST:
        most, row = max((number, -row) for row, (number, _) in enumerate(numbers))
        if not most:
            return SceneAnswer(f"I have not recognized {with_article(singular(term))}.")
        when = format_time(view.time(-row))
        return SceneAnswer(f"I saw {counted(most, singular(term))}, at {when}.", (-row,))
    found, sure = numbers[-1]
    if form.word:
        return _compared(found, _said(found, term, sure=sure), view, form)
    if found:
        return SceneAnswer(sentence(f"I see {_said(found, term, sure=sure)}"), (last,))
    return _not_countable(view, term)


def holding(view: SceneView, form: Form) -> SceneAnswer:
    """Return what somebody holds: the largest thing over the largest person."""
    last, entry = len(view.entries) - 1, view.newest
    held = _held_boxes(entry)
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


def is_held(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether somebody holds the thing that the question names."""
    term, last, held = form.terms[0], (len(view.entries) - 1,), _held_boxes(view.newest)
    if not term.name_ids:
        return SceneAnswer(f"{cannot_know(term)}, so I cannot tell.")
    names = {NAMES[column] for column in term.name_ids}
    right = [each for each in held if each.name in names]
    if right:
        sure = max(each.score for each in right)
        head = "Yes, it is" if sure >= PERSON_SCORE else "I think so: it looks like"
        return SceneAnswer(f"{head} {with_article(singular(term))}.", last, sure)
    if held:
        best = max(held, key=lambda each: each.score * each.area)
        return SceneAnswer(f"No, it looks like {with_article(best.name)} to me.", last, best.score)
    rows = view.rows(term, yes_no=True, present=True)
    if rows and view.is_now(rows[-1]):
        thing = with_article(singular(term))
        return SceneAnswer(f"I see {thing}, but I cannot tell whether somebody holds it.", last)
    return SceneAnswer(f"No, I do not recognize {with_article(singular(term))}.", last)


def _all_things(view: SceneView) -> SceneAnswer:
    """Return how many things are recognized, and which."""
    last = (len(view.entries) - 1,)
    found = [each for each in sure_boxes(view.newest) if each.name != PERSON]
    if not found:
        return name(view, Form(wanted=Wanted.NAME, scope=Scope.NOW))
    head = f"I recognize {counted(len(found), 'thing')}"
    return SceneAnswer(f"{head}: {things(found)}.", last)


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
    return ("" if sure or not found else "about ") + counted(found, singular(term))


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
        return SceneAnswer(f"I see at least one {singular(term)}.", (rows[-1],))
    return SceneAnswer(f"I recognize no {plural(singular(term))} now.", (len(view.entries) - 1,))


def singular(term: QueryTerm) -> str:
    """Return the word of `term` in the singular."""
    found = [NAMES[each] for each in term.name_ids if plural(NAMES[each]) == term.word]
    return found[0] if found else re.sub(r"(?<=[a-z]{2}[^su])s$", "", term.word)


def sure_boxes(entry: LoggedEntry) -> list[Detection]:
    return [each for each in entry.detections if each.score >= PERSON_SCORE]


def _held_boxes(entry: LoggedEntry) -> list[Detection]:
    """Return the boxes of what the largest person may hold."""
    person = largest_box(entry.detections, PERSON)
    return [] if person is None else [each for each in entry.detections if _held(each, person)]


def _held(thing: Detection, person: Detection) -> bool:
    if thing.name == PERSON or thing.name in NOT_HELD or thing.score < HELD:
        return False
    wide = min(thing.right, person.right) - max(thing.left, person.left)
    high = min(thing.bottom, person.bottom) - max(thing.top, person.top)
    return wide > 0 and high > 0 and thing.area <= MAX_HELD_AREA * person.area


ANSWERS = {Wanted.COUNT: count, Wanted.HOLDING: holding, Wanted.IS_HELD: is_held}
