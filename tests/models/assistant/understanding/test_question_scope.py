"""Which part of the stream a question is about, on lists of questions."""

from collections import Counter
from pathlib import Path

import pytest

from models.assistant.interface import Exchange
from models.assistant.understanding.question_scope import read_question
from models.assistant.understanding.wanted import Scope

FOLDER = Path("tests/data/dialogue")


def listed(name: str) -> list[tuple[Scope, str, list[Exchange]]]:
    """Return questions with the scope that a person gave them, and the conversation before."""
    found, scope = [], Scope.BOTH
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            scope = Scope(line.strip("[]"))
        elif line and not line.startswith("#"):
            *said, asked = line.split(" > ")
            pairs = zip(said[::2], said[1::2], strict=True)
            found.append((scope, asked, [Exchange(*pair) for pair in pairs]))
    return found


@pytest.mark.parametrize(
    ("name", "least", "count"),
    [("scope_development.txt", 47, 49), ("scope_held_out.txt", 75, 78)],
)
def test_the_scope_is_what_a_person_says(name: str, least: int, count: int) -> None:
    """Held out: written before the rules, and its mistakes are not looked at."""
    questions = listed(name)
    assert len(questions) == count
    right: Counter[Scope] = Counter()
    for scope, asked, said in questions:
        found = read_question(asked, said).scope
        right[scope] += found is scope
        mistaken = {scope, found}
        assert mistaken != {Scope.NOW, Scope.PAST}, "what is needed would be left out"
        assert Scope.NONE not in mistaken or found is scope
    assert right.total() >= least, right


def test_the_lists_have_no_question_in_common() -> None:
    known = {(asked.lower(), *said) for _, asked, said in listed("scope_development.txt")}
    held_out = [(asked.lower(), *said) for _, asked, said in listed("scope_held_out.txt")]
    assert not known.intersection(held_out)


@pytest.mark.parametrize(
    ("asked", "said", "words"),
    [
        ("What is this?", [("Is it?", "Yes.")], "What is this?"),
        ("What colour was it?", [("Is there a cup?", "Yes.")], "what colour was the cup"),
        ("And before that?", [("What do you see?", "A cup.")], "before that cup"),
        ("Are you sure?", [("Is there a cup?", "Yes.")], "Is there a cup? Are you sure?"),
        ("And what about it?", [], "And what about it?"),
    ],
)
def test_a_follow_up_is_searched_with_what_it_is_about(
    asked: str, said: list[tuple[str, str]], words: str
) -> None:
    assert read_question(asked, [Exchange(*each) for each in said]).words == words
