"""Kinds of text, on phrasings that the patterns were written with and on others."""

from collections import Counter
from pathlib import Path

import pytest

from models.assistant.understanding.forms import parse_form
from models.assistant.understanding.kinds import TextKind, analyze, classify
from models.assistant.understanding.plain_words import plain
from models.assistant.understanding.scope import scope_of
from models.assistant.understanding.wanted import Scope, Wanted

FOLDER = Path("tests/data/dialogue")
SCENE = {TextKind.NOW, TextKind.PAST}


def phrasings(name: str) -> list[tuple[TextKind, str]]:
    found, kind = [], TextKind.UNKNOWN
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = TextKind(line.strip("[]"))
        elif line and not line.startswith("#"):
            found.append((kind, line))
    return found


@pytest.mark.parametrize(("name", "least"), [("development.txt", 0.98), ("held_out.txt", 0.95)])
def test_phrasings_are_told_apart(name: str, least: float) -> None:
    """Held out: written before the patterns, and its mistakes are not looked at."""
    listed = phrasings(name)
    right = Counter(kind for kind, text in listed if classify(text) is kind)
    assert right.total() >= least * len(listed), right
    assert all(right[kind] >= 0.6 * count for kind, count in Counter(k for k, _ in listed).items())


def test_no_small_talk_is_taken_for_a_question_about_things() -> None:
    small_talk = {
        TextKind.GREETING,
        TextKind.THANKS,
        TextKind.FAREWELL,
        TextKind.SELF,
        TextKind.TIME,
        TextKind.JOKE,
    }
    listed = [*phrasings("development.txt"), *phrasings("held_out.txt")]
    wrong = [text for kind, text in listed if kind in small_talk and classify(text) in SCENE]
    assert wrong == []


def test_the_lists_have_no_phrasing_in_common() -> None:
    known = {plain(text) for _, text in phrasings("development.txt")}
    assert [text for _, text in phrasings("held_out.txt") if plain(text) in known] == []


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("What do you see?", Scope.NOW),
        ("Is the cup still there?", Scope.NOW),
        ("What is on the left?", Scope.NOW),
        ("What did you see?", Scope.PAST),
        ("When does the cup appear? When did it come?", Scope.PAST),
        ("Who left the room?", Scope.PAST),
        ("Have you seen my keys?", Scope.BOTH),
        ("Where is my cup?", Scope.BOTH),
        ("Has anyone been here so far?", Scope.BOTH),
    ],
)
def test_the_scope_of_a_question(text: str, scope: Scope) -> None:
    assert scope_of(plain(text)) is scope


@pytest.mark.parametrize(
    ("text", "wanted", "word"),
    [
        ("Is the car red?", Wanted.IS_COLOUR, "red"),
        ("Is the bus on the left?", Wanted.IS_SIDE, "left"),
        ("What came after the cow?", Wanted.ORDER, "after"),
        ("When did you first see a dog?", Wanted.WHEN, "first"),
        ("Which came last, the cat or the dog?", Wanted.WHICH_FIRST, "last"),
        ("What was the first thing you saw?", Wanted.ENDS, "first"),
        ("How many things have you seen?", Wanted.LIST, "count"),
        ("Is this an apple?", Wanted.PRESENCE, "this"),
    ],
)
def test_the_form_of_a_question(text: str, wanted: Wanted, word: str) -> None:
    form = parse_form(plain(text))
    assert form is not None
    assert (form.wanted, form.word) == (wanted, word)


def test_a_time_in_a_question_is_read() -> None:
    asked = ("What was there at 1:05?", "What did you see two minutes ago?")
    at, ago = (parse_form(plain(text)) for text in asked)
    assert at is not None
    assert ago is not None
    assert (at.wanted, at.time, at.ago) == (Wanted.AT, 65.0, False)
    assert (ago.wanted, ago.time, ago.ago) == (Wanted.AT, 120.0, True)


def test_a_greeting_before_a_question_is_left_out() -> None:
    assert analyze("Hi there, what time is it?")[:2] == (TextKind.TIME, "what time is it")
    assert classify("Hi there") is TextKind.GREETING


@pytest.mark.parametrize("text", ["", " ", "???", "a" * 10_000, "\ud800", "😀 " * 500])
def test_any_text_has_a_kind(text: str) -> None:
    assert classify(text) in TextKind
