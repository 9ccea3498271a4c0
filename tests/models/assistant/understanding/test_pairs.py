"""Questions about the order of two things, of which one may be unknown."""

import pytest

from models.assistant.scene.scene_log import PEOPLE
from models.assistant.understanding.forms import parse_form
from models.assistant.understanding.plain_words import plain
from models.assistant.understanding.wanted import Scope, Wanted


@pytest.mark.parametrize(
    ("asked", "wanted", "word", "things"),
    [
        ("What came first, the cup or the street?", Wanted.WHICH_FIRST, "first", ["cup", "street"]),
        ("Which came last, the street or the cup?", Wanted.WHICH_FIRST, "last", ["street", "cup"]),
        ("What did I show first, a cup or a dog?", Wanted.WHICH_FIRST, "first", ["cup", "dog"]),
        ("Which was earlier, my cup or my yo-yo?", Wanted.WHICH_FIRST, "earlier", ["cup", "yo-yo"]),
        (
            "The cup or the street, which came first?",
            Wanted.WHICH_FIRST,
            "first",
            ["cup", "street"],
        ),
        (
            "Did I show the cup or the bell tower first?",
            Wanted.WHICH_FIRST,
            "first",
            ["cup", "tower"],
        ),
        ("Did the cup come before the street?", Wanted.ORDER, "before", ["cup", "street"]),
        ("Was the old street there after the cup?", Wanted.ORDER, "after", ["street", "cup"]),
        ("Did you see the red cup right before the dog?", Wanted.ORDER, "before", ["cup", "dog"]),
        ("Did the person come before the dog?", Wanted.ORDER, "before", ["people", "dog"]),
    ],
)
def test_both_things_are_kept_in_order(
    asked: str, wanted: Wanted, word: str, things: list[str]
) -> None:
    form = parse_form(plain(asked))
    assert form is not None
    assert (form.wanted, form.word, form.scope) == (wanted, word, Scope.PAST)
    assert [term.word for term in form.terms] == things
    assert all(term is PEOPLE for term in form.terms if term.word == "people")


@pytest.mark.parametrize(
    "asked",
    [
        "What came before the cup?",
        "Is there a cup or a dog?",
        "Is there a cup before the camera?",
        "When did you first see the cup?",
        "What did I show first?",
    ],
)
def test_other_questions_are_about_no_pair(asked: str) -> None:
    form = parse_form(plain(asked))
    assert form is not None
    assert form.wanted is not Wanted.WHICH_FIRST
    assert len(form.terms) < 2 or form.wanted is Wanted.CHOICE
