from pathlib import Path

import pytest

from models.assistant.phrasebook.conversation import prepare
from models.assistant.phrasebook.patterns import phrases
from models.assistant.phrasebook.questions import in_english, read_foreign
from models.assistant.requests.parsing import parse_request
from models.assistant.understanding.kinds import analyze

ASKED = Path(__file__).parents[3] / "bench" / "foreign_questions.txt"


def questions() -> list[list[str]]:
    lines = ASKED.read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def test_questions_in_other_languages_ask_for_the_same_as_in_english() -> None:
    missed = []
    for language, text, english in questions():
        found = read_foreign(text)
        if found is None or found.language != language:
            missed.append(text)
            continue
        kind, _, form = analyze(found.english)
        same = (kind, form, parse_request(found.english))
        if same != (analyze(english)[0], analyze(english)[2], parse_request(english)):
            missed.append(text)
    assert missed == []


def test_english_is_left_alone() -> None:
    english = [english for *_, english in questions()] + [
        "y",
        "e",
        "et",
        "stop",
        "hi",
        "me",
        "donut",
    ]
    assert [in_english(text) for text in english] == english


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("SIEHST DU DEN ROTEN HUND", "Do you see the red dog"),
        ("wie spaet ist es", "What time is it"),
        ("Tu vois le sac à dos ?", "Do you see the backpack"),
        ("Donde esta mi telefono", "Where is my phone"),
        ("Ist die Tasse blau?", "Is the cup blue"),
        ("Ist da jemand?", "Is there somebody"),
        ("Wie viele Leute sind im Raum?", "How many people do you see"),
        ("Quanta gente c'è nella stanza?", "How many people do you see"),
        ("Che cos'è questo?", "What do you see"),
        ("C'est quoi ça ?", "What do you see"),
        ("Und die Tasse?", "And the cup"),
        ("Was ist in der Mitte?", "What is in the middle"),
        ("Háblame de la taza.", "Tell me about the cup"),
        ("Ist links eine Flasche?", "Is a bottle on the left"),
        ("Siehst du einen Quastenflosser?", "Siehst du einen Quastenflosser?"),
    ],
)
def test_case_and_accents_do_not_matter_and_an_unknown_noun_is_not_guessed(
    text: str, english: str
) -> None:
    assert in_english(text) == english


def test_only_the_language_that_was_heard_is_looked_up() -> None:
    assert read_foreign("Was siehst du?", ("fr",)) is None
    assert read_foreign("Was siehst du?", ("nl", "de")) is not None


@pytest.mark.parametrize("language", ["de", "es", "fr", "it"])
def test_every_language_has_a_pattern_for_everything_that_another_has(language: str) -> None:
    for clauses in (False, True):
        english = {phrase.english for phrase in phrases("de", clauses=clauses)}
        assert {phrase.english for phrase in phrases(language, clauses=clauses)} == english


def test_what_is_prepared_is_compiled_before_the_first_question() -> None:
    phrases.cache_clear()
    read_foreign.cache_clear()
    prepare()
    before = phrases.cache_info().misses
    for question in ("Was siehst du?", "Que vois-tu ?", "¿Qué ves?", "Cosa vedi?", "Sag mir, wenn"):
        read_foreign(question)
    assert phrases.cache_info().misses == before > 0
