from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.interface import Exchange
from models.assistant.phrasebook.conversation import answer_like, language_of
from models.assistant.understanding.languages import FEWEST_SHARED, SHARED, foreign_language

PLACES = ("Las Vegas", "Los Angeles", "La Jolla", "El Paso", "Des Moines", "Le Mans", "De Niro")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Wo habe ich denn meine Jacke hingehängt?", "German"),
        ("¿Llueve fuera?", "Spanish"),
        ("Por qué está tan oscuro aquí", "Spanish"),
        ("L'écran est cassé ?", "French"),
        ("Pourquoi la lampe clignote-t-elle ?", "French"),
        ("Com'è il tempo lì?", "Italian"),
        ("Perché la luce è spenta?", "Italian"),
    ],
)
def test_questions_that_no_phrase_reads_have_a_language(text: str, name: str) -> None:
    found = foreign_language(text)
    assert found is not None
    assert found.name == name
    assert (
        language_of(text)
        == {"German": "de", "Spanish": "es", "French": "fr", "Italian": "it"}[name]
    )


@pytest.mark.parametrize(
    "text",
    ["red hat", "main thing", "T-shirt", "my son", "the due date", "c'mon", "plan B", "Ha ha!",
     "Who's there?", "Don't", "rock'n'roll", "war", "left hand", "has he come in"],
)  # fmt: skip
def test_english_words_that_other_languages_have_too_are_english(text: str) -> None:
    assert foreign_language(text) is None
    assert language_of(text) == "en"


@pytest.mark.parametrize("text", ["UN", "Es", "die", "la la la", "do re mi fa so la ti", "El Niño",
                                  "jalapeño", "Das Boot", "De La Soul"])  # fmt: skip
def test_names_and_syllables_tell_no_language(text: str) -> None:
    assert foreign_language(text) is None
    assert language_of(text) == "en"


@given(
    words=st.lists(st.sampled_from(sorted(SHARED)), max_size=FEWEST_SHARED - 1),
    places=st.lists(st.sampled_from(PLACES), max_size=4),
    repeated=st.integers(1, 4),
    written=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_few_words_that_english_has_too_tell_no_language(
    words: list[str], places: list[str], repeated: int, written: Callable[[str], str]
) -> None:
    text = " ".join([*map(written, words * repeated), *places])
    assert foreign_language(text) is None


@given(first=st.sampled_from(["¿Qué ves?", "Was siehst du?", "What do you see?"]),
       since=st.lists(st.sampled_from(["UN", "Es", "la la la", "Las Vegas", "die"]), max_size=3),
       text=st.sampled_from(["UN", "Es", "la la la", "Las Vegas", "die"]))  # fmt: skip
def test_what_tells_no_language_keeps_that_of_the_conversation(
    first: str, since: list[str], text: str
) -> None:
    before = [Exchange(said, "") for said in (first, *since)]
    assert language_of(text, before) == language_of(first)
    assert answer_like(text, "I see a cup.", before)[1] == language_of(first)


def test_a_question_in_english_ends_a_conversation_in_german() -> None:
    before = [Exchange("Was siehst du?", "Eine Tasse."), Exchange("What is that?", "A cup.")]
    assert language_of("Las Vegas", before) == "en"
    assert language_of("What do you see?", before[:1]) == "en"
