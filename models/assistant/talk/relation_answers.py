"""Answers about where things are to each other: on a table, left of a cup, above it; from boxes."""

from collections.abc import Callable
from dataclasses import replace

from models.assistant.scene.query_parsing import QueryTerm, find_name_ids
from models.assistant.talk.box_answers import singular, sure_boxes, things
from models.assistant.talk.present_answers import name, presence
from models.assistant.talk.scene_view import SceneAnswer, SceneView, boxes_of
from models.assistant.talk.wording import sentence, with_article
from models.assistant.understanding.wanted import Form, Wanted
from models.vision.detection import Detection

NEAR = 0.75  # lengths of a thing's longer side, between it and what is next to it
SIDES: dict[str, Callable[[Detection, Detection], bool]] = {
    "left": lambda thing, other: thing.center[0] < other.left,
    "right": lambda thing, other: thing.center[0] > other.right,
    "above": lambda thing, other: thing.bottom <= other.center[1] and _shares_width(thing, other),
    "below": lambda thing, other: thing.top >= other.center[1] and _shares_width(thing, other),
}
SAME = {"over": "above", "under": "below", "underneath": "below", "beneath": "below"}
PHRASES = {"left": "to the left of", "right": "to the right of"}


def on(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is on a table or another large thing, from where the boxes end."""
    last, entry = len(view.entries) - 1, view.newest
    word = form.terms[0].word if form.terms else ""  # which a query takes for a place
    support = next(iter(boxes_of(entry, QueryTerm(word, find_name_ids(word)))), None)
    if support is None:
        return name(view, Form(wanted=Wanted.NAME, scope=form.scope))
    there = [
        each for each in sure_boxes(entry) if each is not support and _stands_on(each, support)
    ]
    if not there:
        return SceneAnswer(f"I recognize nothing on the {word}.", (last,))
    return SceneAnswer(sentence(f"I see {things(there)} on the {word}"), (last,))


def is_on(view: SceneView, form: Form) -> SceneAnswer:
    """Return whether a thing is on a table or another large thing, from where their boxes are."""
    term, last = form.terms[0], len(view.entries) - 1
    present = presence(view, Form(wanted=Wanted.PRESENCE, scope=form.scope, terms=(term,)))
    word = form.word.removeprefix("dining ")
    found = boxes_of(view.newest, term)
    support = next(iter(boxes_of(view.newest, QueryTerm(word, find_name_ids(word)))), None)
    if not present.text.startswith("Yes") or present.rows != (last,):
        return present
    if support is None or not found:
        rest = f"I do not see where the {word} is" if found else "I cannot tell on what"
        return SceneAnswer(f"I see {with_article(singular(term))}, but {rest}.", (last,))
    if any(_stands_on(each, support) for each in found):
        return replace(present, text=f"Yes, I see {with_article(singular(term))} on the {word}.")
    return SceneAnswer(f"No, I see {with_article(singular(term))}, but not on the {word}.", (last,))


def beside(view: SceneView, form: Form) -> SceneAnswer:
    """Return what is left or right of a thing, above, below or next to it; depth is not known."""
    term, entry, last = form.terms[0], view.newest, len(view.entries) - 1
    if form.word in ("behind", "in front of"):
        return SceneAnswer("I cannot tell what is in front and what is behind.", (last,))
    anchor = next(iter(boxes_of(entry, term)), None)
    if anchor is None:
        rows = view.rows(term, present=True)
        seen = bool(rows) and view.is_now(rows[-1])
        thing = with_article(singular(term))
        text = f"I see {thing}, but not exactly where" if seen else f"I do not see {thing} now"
        return SceneAnswer(f"{text}.", (last,))
    side = SAME.get(form.word, form.word)
    test, where = SIDES.get(side, _near), PHRASES.get(side, side if side in SIDES else "next to")
    there = [each for each in sure_boxes(entry) if each is not anchor and test(each, anchor)]
    if not there:
        return SceneAnswer(f"I recognize nothing {where} the {term.word}.", (last,))
    return SceneAnswer(sentence(f"I see {things(there)} {where} the {term.word}"), (last,))


def _stands_on(thing: Detection, support: Detection) -> bool:
    """Return whether `thing` ends within `support`, and is not much wider."""
    x, _ = thing.center
    inside = support.left <= x <= support.right and support.top <= thing.bottom
    return inside and thing.bottom <= support.bottom and thing.area < support.area


def _shares_width(thing: Detection, other: Detection) -> bool:
    return min(thing.right, other.right) > max(thing.left, other.left)


def _near(thing: Detection, other: Detection) -> bool:
    """Return whether `thing` is next to `other`, and is not what that stands on."""
    across = max(thing.left - other.right, other.left - thing.right, 0.0)
    down = max(thing.top - other.bottom, other.top - thing.bottom, 0.0)
    longest = max(other.right - other.left, other.bottom - other.top)
    return max(across, down) <= NEAR * longest and not _stands_on(other, thing)


ANSWERS = {Wanted.ON: on, Wanted.IS_ON: is_on, Wanted.BESIDE: beside}
