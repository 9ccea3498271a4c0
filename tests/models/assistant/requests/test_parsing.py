"""What people say to be reported later, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.requests.parsing import (
    WHERE,
    WHO,
    WHOSE,
    Request,
    StopRequest,
    UnsupportedRequest,
    parse_request,
)
from models.assistant.requests.phrases import confirmation
from models.assistant.scene.query_parsing import find_name_ids
from models.vision.class_names import NAMES


def parsed(text: str) -> Request:
    found = parse_request(text)
    assert isinstance(found, Request), (text, found)
    return found


# Text, what is watched for, whether for its going, whether only for a change.
REQUESTS = [
    ("Tell me when someone comes in.", "someone", False, True),
    ("Let me know when you see my cup", "a cup", False, False),
    ("warn me if nobody is in the room any more", "someone", True, True),
    ("warn me if nobody is in the room", "someone", True, False),
    ("Can you tell me once the dog leaves?", "a dog", True, True),
    ("If you see a cat, let me know.", "a cat", False, False),
    ("Let me know if there\u2019s nobody here", "someone", True, False),
    ("tell me when the room is empty", "someone", True, False),
    ("let me know when the person's gone", "someone", True, True),
    ("can you tell me when the next bus comes?", "a bus", False, True),
    ("tell me when there is no one left", "someone", True, False),
    ("tell me when everyone has left", "someone", True, True),
    ("tell me when more than one person is in the room", "two people", False, False),
    ("let me know when another person comes in", "two people", False, True),
    ("warn me when there are fewer than two people", "two people", True, False),
    ("tell me when you see an orange cup", "an orange cup", False, False),
    ("tell me when you see an orange", "an orange", False, False),
    ("tell me when you no longer see the mug", "a mug", True, True),
    ("tell me when you don't see the mug", "a mug", True, False),
    ("please watch out for a bus", "a bus", False, False),
    ("Wait for the dog to leave and tell me", "a dog", True, True),
    ("tell me when you see somebody leave", "someone", True, True),
    ("alert us as soon as a car or a bus appears", "a car or a bus", False, True),
    ("tell me when I hold up a banana", "a banana", False, False),
    ("notify me the moment the dog is back", "a dog", False, True),
]


@pytest.mark.parametrize(("text", "label", "gone", "change"), REQUESTS)
def test_a_request_is_understood(text: str, label: str, gone: bool, change: bool) -> None:
    request = parsed(text)
    assert (request.target.label, request.absent, request.on_change) == (label, gone, change)
    assert not request.repeat


def test_columns_persons_and_colors_are_those_of_perception() -> None:
    red = parsed("tell me when you see my red cup").target
    assert (red.name_ids, red.colour, red.people) == (find_name_ids("cup"), "red", 0)
    assert parsed("tell me when a dog or a person comes in").target.people == 1
    orange = parsed("tell me when you see an orange").target
    assert (orange.name_ids, orange.colour) == (frozenset({NAMES.index("orange")}), "")
    assert len(parsed("tell me when you see an animal").target.name_ids) > 100


@pytest.mark.parametrize("word", ["whenever", "every time", "each time"])
def test_words_for_always_make_it_speak_each_time(word: str) -> None:
    assert parsed(f"tell me {word} someone comes in").repeat
    assert parsed(f"{word} someone comes in, tell me").repeat


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Say stop when the dog leaves", "stop"),
        ('say "good morning" whenever someone comes in', "good morning"),
        ("Say when you see the cup", ""),
        ("say something if someone comes in", ""),
    ],
)
def test_the_word_to_say_is_kept(text: str, word: str) -> None:
    assert parsed(text).phrase == word


@pytest.mark.parametrize(
    "text",
    [
        "Did you tell me when someone came in?",
        "When did you last see my cup?",
        "Tell me when you last saw my cup",
        "Can you tell me when the dog left?",
        "Can you tell me if there is a dog?",
        "Tell me if you see a cup",
        "What should I do when someone comes in?",
        "Tell me what you see when I come in",
        "Is there anyone in the room?",
        "tell me about the dog",
        "Tell me a story when you can",
        "forget what you saw",
        "never mind the mess, what is this?",
        "stop",
        "",
        "?!",
    ],
)
def test_an_ordinary_question_is_no_request(text: str) -> None:
    assert parse_request(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tell me when she smiles", "when someone comes into view"),
        ("tell me when you see a dog jumping", "when a dog comes into view"),
        ("tell me when it's five o'clock", "I see what comes and goes"),
        ("tell me when my keys are on the table", "not learned to recognize keys"),
        ("tell me when John comes in", "not learned to recognize john"),
        ("tell me when a dog and a cat come in", "one thing at a time"),
        ("tell me when someone with a dog comes in", "one thing at a time"),
        ("tell me when you see someone in a red shirt", "what people wear"),
        ("tell me when you see two hammers", "count people and common things"),
        ("tell me when you see two red cups", "without their colors"),
        ("tell me when you see 7 cups", "up to 6 things"),
        ("tell me when there is exactly one person", "not exactly so many"),
        ("tell me when there are 7 people", "up to 6"),
        ("tell me when my cup is empty", "when a cup comes into view"),
        ("tell me when the lamp is on", "when a lamp comes into view"),
        ("tell me when you hear a dog", "when a dog comes into view"),
        ("tell me when nobody comes in", "I cannot watch for that"),
    ],
)
def test_requests_for_undetectable_things_are_refused_with_a_sentence(
    text: str, expected: str
) -> None:
    found = parse_request(text)
    assert isinstance(found, UnsupportedRequest)
    assert expected in found.reason


@pytest.mark.parametrize(
    ("text", "caveat"),
    [
        ("tell me when my wife comes home", WHO),
        ("tell me when you see my cup", WHOSE),
        ("tell me when the cup is on the table", WHERE),
    ],
)
def test_ignored_words_are_named_in_the_confirmation(text: str, caveat: str) -> None:
    assert caveat in confirmation(parsed(text))


@pytest.mark.parametrize(
    "text",
    ["stop watching", "forget it", "Never mind.", "you can stop watching now", "cancel that"],
)
def test_a_plain_stop_is_about_all(text: str) -> None:
    assert parse_request(text) == StopRequest()


def test_a_stop_may_name_what_it_ends() -> None:
    assert parse_request("stop watching for my cup") == StopRequest(find_name_ids("cup"))
    assert parse_request("you don't need to watch for the cup any more") == StopRequest(
        find_name_ids("cup")
    )
    assert parse_request("stop telling me when someone comes in") == StopRequest(persons=True)


@pytest.mark.slow
@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    assert parse_request(text) is None or isinstance(
        parse_request(text), Request | UnsupportedRequest | StopRequest
    )


@given(st.sampled_from(NAMES))
def test_every_known_name_can_be_watched_for(name: str) -> None:
    request = parsed(f"Let me know when you see the {name}")
    assert NAMES.index(name) in request.target.name_ids


def test_a_very_long_request_is_read_in_no_time() -> None:
    assert parse_request("tell me when " + "the dog is on the table and " * 500) is not None
