"""The tables of nouns against what perception can say."""

import re
from collections.abc import Iterator

import pytest

from models.assistant.phrasebook.answers import in_language
from models.assistant.phrasebook.dictionary import (
    LANGUAGES,
    lines,
    nouns,
    shared,
    with_english_nouns,
)
from models.assistant.phrasebook.grammar import noun_list
from models.assistant.scene.scene_making import COARSE_KINDS
from models.assistant.scene.vocabulary import KINDS
from models.assistant.talk.wording import counted, plural, with_article
from models.vision.class_names import NAMES
from models.vision.colors import COLORS

SAID = (*NAMES, *KINDS, *COARSE_KINDS, "person")
ARTICLES = {
    "de": {"m": ("ein", "der"), "f": ("eine", "die"), "n": ("ein", "das")},
    "es": {"m": ("un", "el"), "f": ("una", "la")},
    "fr": {"m": ("un", "le"), "f": ("une", "la")},
    "it": {"m": ("un", "il"), "f": ("una", "la")},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_perception_names_has_a_noun(language: str) -> None:
    known = nouns(language)
    assert [name for name in SAID if name not in known] == []
    genders = {noun.gender for noun in known.values()}
    assert genders == ({"m", "f", "n"} if language == "de" else {"m", "f"})


def test_every_line_of_nouns_has_each_language_once() -> None:
    table = [line.split("|") for line in lines("nouns")]
    assert [row[0] for row in table if len(row) != 1 + len(LANGUAGES)] == []
    english = [row[0] for row in table]
    assert sorted(english) == sorted(set(english))
    halves = [part.split(", ")[0].split(" ")[1:] for row in table for part in row[1:]]
    assert [half for half in halves if not half or len(half) % 2] == []


def phrases(colour: str) -> Iterator[str]:
    """Yield what an answer may say of each name."""
    for name in SAID:
        yield with_article(name, colour)
        yield f"the {colour} {name}"
        yield counted(2, name).replace("two ", f"two {colour} ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_english_is_left_in_a_list_of_everything(language: str) -> None:
    said = noun_list(", ".join(phrases("red")), language, object_=True)
    assert said is not None
    words = set(re.findall(r"[^\W\d_]+", said))
    assert words & {"a", "an", "the", "red", "two"} <= {"a"}  # Italian and Spanish have an a
    assert len(said.split(", ")) == 3 * len(SAID)


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_have_the_gender_of_each_noun(language: str) -> None:
    wrong = []
    for noun in nouns(language).values():
        if noun.singular == noun.plural or plural(noun.english) == noun.english:
            continue
        for english, at in ((f"a {noun.english}", 0), (f"the {noun.english}", 1)):
            said = noun_list(english, language, object_=False) or ""
            article = ARTICLES[language][noun.gender][at]
            elided = ("l'", "un'", "uno ", "lo ") if language in ("fr", "it") else ()
            stressed = ("un ", "el ") if noun.singular.startswith(("a", "ha", "á")) else ()
            if not said.startswith((f"{article} ", *elided, *stressed)):
                wrong.append(said)
    assert wrong == []


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("a white wing", "Ich sehe einen weißen Flügel."),
        ("a red lion and two red lions", "Ich sehe einen roten Löwen und zwei rote Löwen."),
        ("a red cup", "Ich sehe eine rote Tasse."),
        ("a red book", "Ich sehe ein rotes Buch."),
        ("a purple bear", "Ich sehe einen lila Bären."),
        ("binoculars and jeans", "Ich sehe ein Fernglas und Jeans."),
        ("something", "Ich sehe etwas."),
    ],
)
def test_german_endings_follow_gender_case_and_article(english: str, said: str) -> None:
    assert in_language(f"I see {english}.", "de") == (said, "de")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "Veo un ala blanca, dos sillas grises y tijeras."),
        ("fr", "Je vois une aile blanche, deux chaises grises et des ciseaux."),
        ("it", "Vedo un'ala bianca, due sedie grigie e forbici."),
    ],
)
def test_colours_agree_with_their_nouns(language: str, said: str) -> None:
    assert in_language("I see a white wing, two grey chairs and scissors.", language)[0] == said


def test_letters_decide_french_and_italian_articles() -> None:
    assert in_language("I no longer see the heron.", "fr")[0].endswith("le héron.")
    assert in_language("I no longer see the owl.", "it")[0].endswith("il gufo.")
    assert in_language("I see a scoreboard and an ant.", "it")[0] == (
        "Vedo un tabellone e una formica."
    )
    assert in_language("I no longer see the sunglasses.", "it")[0].endswith("gli occhiali da sole.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_colour_has_a_word(language: str) -> None:
    assert [each for each in COLORS if language not in shared("colour").get(each, {})] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_templates_are_no_things_by_mistake(language: str) -> None:
    """A follow-up takes the nouns of an answer for its topics: `mais` is no corn."""
    table = lines("answers")
    said = table[1 + LANGUAGES.index(language) :: 1 + len(LANGUAGES)]
    small = {"sobre", "mais", "vale", "volta", "tour", "char", "sol", "mono"}
    for each in said:
        for word in small & set(re.findall(r"[a-z]+", each)):
            assert with_english_nouns(word, language) == word
