"""What is said to the assistant, and what it only overhears."""

from collections import Counter

import pytest

from models.assistant.expecting import expects_answer
from models.assistant.interface import Exchange
from models.assistant.understanding.kinds import TextKind
from tests.models.assistant.understanding.test_kinds import phrasings

ANSWERED = (Exchange("What do you see?", "I see a cup."),)
IN_A_CONVERSATION = {TextKind.THANKS, TextKind.FAREWELL, TextKind.FOLLOW_UP}
QUIET = {TextKind.REMARK, TextKind.UNKNOWN, TextKind.LANGUAGE}


def heard(text: str) -> str:
    """Return `text` as a recognizer may write it, without a question mark."""
    return text.rstrip("?. ")


@pytest.mark.parametrize("name", ["development.txt", "held_out.txt"])
def test_questions_and_requests_are_answered_also_without_a_question_mark(name: str) -> None:
    listed = [each for each in phrasings(name) if each[0] not in QUIET]
    missed = [
        text
        for kind, text in listed
        if not expects_answer(heard(text), ANSWERED if kind in IN_A_CONVERSATION else ())
    ]
    assert len(missed) <= 0.03 * len(listed), missed
    remarks = [text for kind, text in phrasings(name) if kind is TextKind.REMARK]
    answered = [text for text in remarks if expects_answer(text, ANSWERED)]
    assert len(answered) <= 0.15 * len(remarks), answered


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [  # an answer is expected at the beginning, and in a conversation
        ("I had pasta for lunch.", False, False),
        ("The weather was nice yesterday.", False, False),
        ("And so my fellow Americans", False, False),
        ("My name is Anna.", False, False),
        ("Thank you.", False, True),
        ("Bye.", False, True),
        ("And then", False, True),
        ("Really?", True, True),
        ("That was a good joke.", False, False),
        ("I told you so.", False, False),
        ("This is my cup, eyeline.", True, True),
        ("Eyeline, I had pasta for lunch.", True, True),
        ("Hello.", True, True),
        ("Tell me when someone comes in.", True, True),
        ("where is my cup", True, True),
        ("please describe what you see", True, True),
        ("Ich war gestern im Kino.", False, False),
        ("Wo ist meine Tasse", True, True),
        ("Danke.", False, True),
        ("Echt", False, True),
        ("Hay un gato.", False, False),
        ("¿Hay un gato?", True, True),
        ("Il y a un chat", True, True),
        ("Sono in piedi.", False, False),
        ("Erzähl mir von der Tasse.", True, True),
        ("", False, False),
        ("♪ ♪", False, False),
    ],
)
def test_a_remark_gets_no_answer_unless_it_is_said_to_the_assistant(
    text: str, before: bool, after: bool
) -> None:
    assert (expects_answer(text, ()), expects_answer(text, ANSWERED)) == (before, after)


def test_the_lists_have_each_kind() -> None:
    kinds = Counter(kind for kind, _ in phrasings("held_out.txt"))
    assert kinds.keys() >= QUIET | IN_A_CONVERSATION
