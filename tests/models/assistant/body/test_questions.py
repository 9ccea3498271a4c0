"""Questions about bodies: what they ask for; and questions that are none."""

import pytest

from models.assistant.body.questions import Asked, BodyQuestion, parse_body_question
from models.assistant.body.signs import Sign
from models.assistant.understanding.plain_words import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How many fingers am I holding up?", BodyQuestion(Asked.COUNT)),
        ("How many fingers do you see?", BodyQuestion(Asked.COUNT)),
        ("What gesture am I making?", BodyQuestion(Asked.GESTURE)),
        ("What sign is this?", BodyQuestion(Asked.GESTURE)),
        ("Am I sitting or standing?", BodyQuestion(Asked.POSTURE)),
        ("Is he sitting or standing?", BodyQuestion(Asked.POSTURE, own=False)),
        ("What am I doing?", BodyQuestion(Asked.DOING)),
        ("What is the man doing?", BodyQuestion(Asked.DOING, own=False)),
        ("Am I waving?", BodyQuestion(Asked.SIGN, sign=Sign.WAVING)),
        ("Am I waving at you right now?", BodyQuestion(Asked.SIGN, sign=Sign.WAVING)),
        ("Is someone walking?", BodyQuestion(Asked.SIGN, own=False, sign=Sign.WALKING)),
        ("Is anybody pointing?", BodyQuestion(Asked.SIGN, own=False, sign=Sign.POINTING)),
        ("Are my arms up?", BodyQuestion(Asked.SIGN, sign=Sign.ARMS_RAISED)),
        ("Is my hand raised?", BodyQuestion(Asked.SIGN, sign=Sign.HAND_RAISED)),
        ("Am I raising my hand?", BodyQuestion(Asked.SIGN, sign=Sign.HAND_RAISED)),
        ("Thumbs up?", BodyQuestion(Asked.SIGN, sign=Sign.THUMBS_UP)),
        ("Is this a thumbs down?", BodyQuestion(Asked.SIGN, sign=Sign.THUMBS_DOWN)),
        ("Am I making a fist?", BodyQuestion(Asked.SIGN, sign=Sign.FIST)),
        ("Am I holding up three fingers?", BodyQuestion(Asked.SIGN, sign=Sign.THREE_FINGERS)),
        ("Do I have my hand up?", BodyQuestion(Asked.SIGN, sign=Sign.HAND_RAISED)),
        (
            "Is my left hand up?",
            BodyQuestion(Asked.SIGN, sign=Sign.HAND_RAISED, side="left"),
        ),
        ("Which hand am I raising?", BodyQuestion(Asked.WHICH_HAND)),
        ("What is he pointing at?", BodyQuestion(Asked.POINTED_AT, own=False)),
        ("Where am I pointing?", BodyQuestion(Asked.POINTED_AT)),
        ("Did I wave?", BodyQuestion(Asked.SIGN, sign=Sign.WAVING, past=True)),
        (
            "When did someone wave?",
            BodyQuestion(Asked.SIGN, own=False, sign=Sign.WAVING, past=True),
        ),
        ("Is the person standing?", BodyQuestion(Asked.SIGN, own=False, sign=Sign.STANDING)),
    ],
)
def test_questions_about_bodies_are_understood(text: str, expected: BodyQuestion) -> None:
    assert parse_body_question(plain(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "What do you see?",
        "How many people are there?",
        "Is there a dog?",
        "Is the dog sitting?",
        "What does the sign say?",
        "What is the sign saying?",
        "Are you ok?",
        "What are you doing?",
        "Is it okay?",
        "Did someone come in?",
        "Who is there?",
        "Is the cup standing on the table?",
        "What is happening?",
        "Do I have hands?",
        "Is the left hand drawer open?",
        "",
    ],
)
def test_other_questions_are_left_to_others(text: str) -> None:
    assert parse_body_question(plain(text)) is None


def test_only_questions_about_hands_need_them() -> None:
    asked = ("How many fingers am I holding up?", "Am I waving?", "Thumbs up?", "Am I standing?")
    found = [parse_body_question(plain(text)) for text in asked]
    assert [each is not None and each.needs_hands for each in found] == [True, False, True, False]
