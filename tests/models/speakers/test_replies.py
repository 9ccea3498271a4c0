import pytest

from models.speakers.replies import SpokenPart, reply

NAMES = {1: "Anna", 2: "speaker 2"}
SAID = [
    SpokenPart(1, "Hello everybody.", 2.0),
    SpokenPart(2, "Hi. Where is the cup?", 5.0),
    SpokenPart(1, "The cup is in the kitchen.", 65.5),
    SpokenPart(0, "Hm.", 70.0),
]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("What did Anna say about the cup?", "Anna said “The cup is in the kitchen.” at 1:05."),
        ("what did anna say about cups", "Anna said “The cup is in the kitchen.” at 1:05."),
        ("What has speaker 2 said?", "Speaker 2 said “Hi. Where is the cup?” at 0:05."),
        ("What did speaker 2 say about the dog?", "Speaker 2 said nothing about the dog."),
        ("Who said hello?", "Anna said at 0:02: “Hello everybody.”"),
        ("Who talked about the kitchen?", "Anna said at 1:05: “The cup is in the kitchen.”"),
        ("Who said goodbye?", "I have not heard anybody say that: goodbye."),
        ("Who is speaking?", "Anna spoke last, at 1:05."),
        ("who's talking now", "Anna spoke last, at 1:05."),
        ("How many people spoke?", "Two people spoke: Anna and speaker 2."),
        ("How many voices have you heard?", "Two people spoke: Anna and speaker 2."),
        ("How many speakers are there?", "Two people spoke: Anna and speaker 2."),
        ("what did the second speaker say?", "Speaker 2 said “Hi. Where is the cup?” at 0:05."),
        ("what did speaker two say", "Speaker 2 said “Hi. Where is the cup?” at 0:05."),
        ("What was the last thing Anna said?", "Anna said “The cup is in the kitchen.” at 1:05."),
        ("Who said that?", "Anna said at 1:05: “The cup is in the kitchen.”"),
        ("Who spoke first?", "Anna spoke first, at 0:02."),
        ("Who spoke the most?", "Anna said most: 8 words."),
        ("Is Anna speaking?", "Yes: Anna spoke last, at 1:05."),
        ("Was that speaker 2?", "No: Anna spoke last, at 1:05."),
        ("Did Anna mention the kitchen?", "Yes. Anna said “The cup is in the kitchen.” at 1:05."),
        ("Has anyone said anything about the dog?", "No. I have not heard that: the dog."),
        ("When did speaker 2 speak?", "Speaker 2 said “Hi. Where is the cup?” at 0:05."),
        ("Who is speaker 1?", "Speaker 1 is Anna."),
        ("Who is speaker 3?", "There is no speaker 3: I have heard Anna and speaker 2."),
    ],
)
def test_questions_about_speech_are_answered(asked: str, answer: str) -> None:
    assert reply(asked, SAID, NAMES) == answer


def test_all_that_somebody_said_is_the_last_of_it() -> None:
    assert reply("What did Anna say?", SAID, NAMES) == (
        "Anna said “Hello everybody.” at 0:02 and “The cup is in the kitchen.” at 1:05."
    )


@pytest.mark.parametrize(
    "asked",
    ["What did the sign say?", "What do you see?", "How many people are in the picture?",
     "How many people are there?", "How many people are standing there?",
     "Who is in the room?", "What did you say?", "What did I say?", "How many cups are there?",
     "What does Anna hold?", "Who is that?", "Is that a dog?", "Did the sign say stop?",
     "Did it say exit?", "Is somebody talking?", "When did you see the cup?", "What did he say?"],
)  # fmt: skip
def test_other_questions_are_left_to_the_assistant(asked: str) -> None:
    assert reply(asked, SAID, NAMES) is None


def test_somebody_who_is_not_known_is_asked_for() -> None:
    told = reply("What did Carla say?", SAID, NAMES)
    assert told is not None
    assert told.startswith("I know nobody called Carla; I heard Anna and speaker 2.")
    assert "speaker 1 is Carla" in told


def test_before_anybody_spoke_the_answers_say_so() -> None:
    assert reply("Who is speaking?", [], {}) == "I cannot tell who speaks yet."
    assert reply("How many people spoke?", [], {}) == "I have heard nobody speak yet."
