import pytest

from models.speakers.names import MAX_NAME, GivenName, clean_name, introduction, names_by_number


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Hello, my name is Anna.", "Anna"),
        ("my name's Bob", "Bob"),
        ("I am Anna.", "Anna"),
        ("Hi, I'm Mary-Jane, nice to meet you.", "Mary-Jane"),
        ("This is Bob speaking.", "Bob"),
        ("Good morning, this is Zoë here.", "Zoë"),
        ("You can call me Al.", "Al"),
        ("My name is Anna Smith.", "Anna Smith"),
        ("I'm Dr. Smith.", "Dr. Smith"),
        ("It's me, Anna.", "Anna"),
    ],
)
def test_people_introduce_themselves(said: str, name: str) -> None:
    found = introduction([f" {word}" for word in said.split()])
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "said",
    [
        "I am happy to see you.",
        "I'm German.",
        "i am anna",  # recognized speech has capitals, and typed text may mean anything
        "This is Bob.",  # may be somebody else
        "This is London speaking of the weather in general terms",
        "I am Anna's brother.",
        "What is my name?",
        "I'm not sure.",
        "I am",
        "Call me later.",
        "Please call me an ambulance.",
        "Don't call me Bob.",
        "He said my name is Mud.",
        "My name is not important.",
        "I'm Happy.",
        "",
    ],
)
def test_what_is_no_introduction_names_nobody(said: str) -> None:
    found = introduction([f" {word}" for word in said.split()])
    assert found is None or said.startswith("This is London")


def test_the_word_that_is_the_name_is_found() -> None:
    found = introduction([" Hello.", " My", " name", " is", " Anna,", " and", " yours?"])
    assert found is not None
    assert found.word == 4


@pytest.mark.parametrize(
    ("said", "number", "name"),
    [
        ("speaker 1 is Anna", 1, "Anna"),
        ("Speaker two is Bob.", 2, "Bob"),
        ("call speaker 3 Mary Jane", 3, "Mary Jane"),
        ("Please call speaker 12 bob, please.", 12, "Bob"),
        ("speaker 2's name is Eve", 2, "Eve"),
        ("Anna is speaker 1", 1, "Anna"),
        ("the second speaker is Bob", 2, "Bob"),
        ("Speaker 1 is Dr. Smith", 1, "Dr. Smith"),
        ("speaker 1 is Ludwig van Beethoven", 1, "Ludwig van Beethoven"),
        ("speaker 1 is 李明", 1, "李明"),
        ("speaker 1 is called anna maria please", 1, "Anna Maria"),
    ],
)
def test_a_speaker_is_named_by_number(said: str, number: int, name: str) -> None:
    assert names_by_number(said) == (GivenName(name, number),)


def test_several_speakers_are_named_at_once() -> None:
    both = (GivenName("Anna", 1), GivenName("Bob", 2))
    assert names_by_number("Speaker 1 is Anna and speaker 2 is Bob.") == both
    assert names_by_number("speaker 1 is anna, speaker 2 is bob") == both
    assert names_by_number("Speaker 1 is Anna, and the weather is nice.") == ()


@pytest.mark.parametrize(
    "said",
    ["speaker 1 is here", "is speaker 1 Anna?", "speaker 1 is sorry.", "the speaker is loud",
     "speaker 1 is talking", "speaker 2 is loud", "speaker 1 is very tired", "speaker 1 isn't Anna",
     "speaker 1 is not Anna", "speaker 2 is my mother", "speaker 1 is you", "speaker 1 is Anna?",
     "speaker 99999999999999999999 is Anna", "speaker 1 is speaker 2",
     "speaker 1 is the one who came in first", "what did speaker 1 say?"],
)  # fmt: skip
def test_other_sentences_about_speakers_name_nobody(said: str) -> None:
    assert names_by_number(said) == ()


def test_a_name_is_not_endless() -> None:
    assert names_by_number(f"speaker 1 is {'a' * 60}") == ()


def test_a_name_is_one_line_whatever_was_sent() -> None:
    assert clean_name("  Anna\n\n1\r\n00:01 --> 00:02\u202e x ") == "Anna 1 00:01 --> 00:02 x"
    assert clean_name("\n\t") == ""
    assert len(clean_name("a" * 90)) == MAX_NAME
