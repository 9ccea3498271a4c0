"""Questions about text in the picture, told from others, and what they ask for."""

import pytest

from models.assistant.understanding.kinds import TextKind, analyze, classify
from models.assistant.understanding.text_questions import parse_text_question
from models.assistant.understanding.wanted import Scope

ABOUT_TEXT = (
    "What does the sign say?",
    "what does it say",
    "What does this say?",
    "What do these signs say?",
    "what does the blue road sign say",
    "What did the sign say?",
    "what does my label say?",
    "What else does it say?",
    "Read this.",
    "Read it out loud, please.",
    "Could you read this to me?",
    "can you read the label?",
    "Please read the text on the screen",
    "Can you read what it says?",
    "Tell me what the sign says.",
    "do you know what that says?",
    "What is written on the box?",
    "what's written there",
    "What was written on the door?",
    "What is printed on the shirt?",
    "Is anything written on it?",
    "Does it say exit?",
    "does the sign say stop",
    "Did it say exit?",
    "Does the label say sugar free?",
    "Is there any text in the picture?",
    "Is there a number on the door?",
    "Do you see the word danger?",
    "Can you see the word exit anywhere?",
    "Is the word open on the door?",
    "Is exit written on the sign?",
    "What number is on the house?",
    "What is the number on the door?",
    "what's the price on the label?",
    "What's the title of the book?",
    "What is the license plate?",
    "Can you read the number plate?",
    "What words can you see?",
    "Which words are on the poster?",
    "How do you read this?",
    "When did it say exit?",
    "What's it say?",
    "what's the sign say",
    "What is the price?",
    "How much does it cost?",
    "What is the expiry date on this milk?",
    "What page is this?",
    "Which bus is it?",
    "What brand is it?",
    "What time does the clock show?",
    "What are the ingredients?",
    "Spell the word on the sign.",
    "Who wrote this book?",
    "What does the screen show?",
    "How many words are there?",
    "Translate the sign.",
    "OCR this",
    "What does the note that I am holding up say?",
    "When did you read the word stop?",
    "What's on the whiteboard?",
    "What does the display show, can you read it?",
    "Have you read anything so far?",
)
OTHERS = (
    "What does he say?",
    "What did she say?",
    "What did I say?",
    "What did you say?",
    "What do they say?",
    "What did the man say?",
    "What does the old woman say?",
    "What did my brother say?",
    "What do people say about you?",
    "Say that again.",
    "Can you say something?",
    "Text me when someone comes.",
    "Can you read my mind?",
    "Read me a story.",
    "Is he reading a book?",
    "Is the woman reading?",
    "Is anybody writing?",
    "Do you see a book?",
    "Is there a sign?",
    "Where is the street sign?",
    "What colour is the sign?",
    "Do you see a traffic light?",
    "In other words, nobody is there?",
    "What do you see?",
    "Tell me when you see the word exit.",
    "How do you spell rhythm?",
    "What is the time?",
    "What are your last words?",
)


@pytest.mark.parametrize("text", ABOUT_TEXT)
def test_a_question_about_text(text: str) -> None:
    assert classify(text) is TextKind.TEXT


@pytest.mark.parametrize("text", OTHERS)
def test_no_question_about_text(text: str) -> None:
    assert classify(text) is not TextKind.TEXT


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Does it say exit?", "exit"),
        ("Does the sign say no parking?", "no parking"),
        ("Did the label say sugar free?", "sugar free"),
        ("Does it say stop on the sign?", "stop"),
        ("Does it say the word exit?", "exit"),
        ("Do you see the word danger?", "danger"),
        ("Can you see the word exit anywhere?", "exit"),
        ("Is the word open on the door?", "open"),
        ("Is exit written on the sign?", "exit"),
        ("When did it say exit?", "exit"),
        ("When did you read the word stop?", "stop"),
        ("Is there the number 42 on the door?", "42"),
        ("What does it say?", ""),
        ("Does it say anything?", ""),
        ("Can you read the label?", ""),
        ("Read it to me.", ""),
        ("Is there any text in the picture?", ""),
        ("What words can you see?", ""),
        ("Is anything written on it?", ""),
        ("What is the text on the screen?", ""),
        ("Have you read anything so far?", ""),
    ],
)
def test_the_text_that_a_question_names(text: str, phrase: str) -> None:
    assert parse_text_question(analyze(text)[1]).phrase == phrase


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("What does the sign say?", Scope.NOW),
        ("What did the sign say?", Scope.PAST),
        ("What was written on the door?", Scope.PAST),
        ("When did it say exit?", Scope.PAST),
        ("Does it still say exit?", Scope.NOW),
        ("Have you read anything so far?", Scope.BOTH),
    ],
)
def test_the_time_that_a_question_is_about(text: str, scope: Scope) -> None:
    assert parse_text_question(analyze(text)[1]).scope is scope


def test_a_question_for_a_number() -> None:
    assert parse_text_question("what number is on the door").number
    assert not parse_text_question("does it say number 4").number
    assert parse_text_question("is there any text").yes_no
