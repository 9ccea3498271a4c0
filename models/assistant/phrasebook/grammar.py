"""English lists of things in other languages: articles, numbers and what joins them."""

import re
from dataclasses import dataclass, replace
from functools import cache

from models.assistant.phrasebook.colours import DEFINITE as AFTER_THE
from models.assistant.phrasebook.colours import adjective, german_adjective
from models.assistant.phrasebook.dictionary import Noun, nouns, shared
from models.assistant.talk.wording import is_plural, plural

ONE = {"a", "an", "one"}
ARTICLES = {  # of one thing: by language and gender
    "de": {"m": "ein", "f": "eine", "n": "ein"},
    "es": {"m": "un", "f": "una"},
    "fr": {"m": "un", "f": "une"},
    "it": {"m": "un", "f": "una"},
}
DEFINITE = {
    "de": {"m": "der", "f": "die", "n": "das"},
    "es": {"m": "el", "f": "la"},
    "fr": {"m": "le", "f": "la"},
    "it": {"m": "il", "f": "la"},
}
DEFINITE_PLURAL = {
    "de": {"m": "die", "f": "die", "n": "die"},
    "es": {"m": "los", "f": "las"},
    "fr": {"m": "les", "f": "les"},
    "it": {"m": "i", "f": "le"},
}
OBJECT = {"ein": "einen", "der": "den"}  # German, in the accusative
SUBJECT = {"jemanden": "jemand", "niemanden": "niemand"}  # in the nominative
WEAK = ("fe", "we", "te", "se", "fant", "pard", "bär", "isk", "drant", "lobit", "mat")  # German
VOWELS = tuple("aeiouáéíóúàèìòùâêîôûœh")
ASPIRATED = (  # French words whose h, or y, keeps the article whole
    "hibou", "héron", "homard", "hamster", "harpe", "hache", "haut", "hot", "half", "hangar",
    "home",
)  # fmt: skip
STRESSED_A = ("hacha", "arpa", "ala", "asta", "arma", "águila", "agua")  # Spanish: un ala, el ala
LO = re.compile(r"s[bcdfghjklmnpqrstvwz]|z|ps|gn|x|y")  # Italian: lo zaino, uno specchio


@dataclass(frozen=True, slots=True)
class Said:
    """How a noun is said: its color in English, if it has several, and if it is an object."""

    language: str
    colour: str = ""
    several: bool = False
    object_: bool = False


def noun_list(words: str, language: str, *, object_: bool) -> str | None:
    """Return the things that English `words` list; None if one of them is not known.

    With `object_` German has the accusative.
    """
    phrase, join = _patterns()
    parts, at = [], 0
    while at < len(words):
        found = phrase.match(words, at)
        if found is not None and found.end() > at:
            part = _noun_phrase(found, language, object_=object_)
        else:
            found = join.match(words, at)
            if found is None:
                return None
            joined = shared("join").get(found[0])
            part = found[0] if joined is None else joined[language]
        parts.append(part)
        at = found.end()
    return "".join(parts)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what a noun phrase looks like, and what joins two of them."""
    singles = {form for english in nouns("de") for form in (english, plural(english))}
    some = "|".join(re.escape(each) for each in sorted(singles, key=len, reverse=True))
    alone = "|".join(sorted([*shared("someone"), "anybody"], key=len, reverse=True))
    numbers = "|".join(shared("number"))
    phrase = (
        rf"(?P<alone>{alone})\b(?! that may be)|(?:(?P<the>the) |(?P<number>an?|{numbers}|\d+) )?"
        rf"(?:(?P<colour>{'|'.join(shared('colour'))}) )?(?P<noun>{some})(?![\w-])"
    )
    joins = "|".join(re.escape(each) for each in sorted(shared("join"), key=len, reverse=True))
    return re.compile(phrase), re.compile(rf"{joins}| \(\d[\d:]+\)|(?<=, at )\d[\d:]+")


@cache
def _english_plurals() -> dict[str, str]:
    return {plural(english): english for english in nouns("de") if plural(english) != english}


def _noun_phrase(found: re.Match[str], language: str, *, object_: bool) -> str:
    if found["alone"]:
        word = "someone" if found["alone"] == "anybody" else found["alone"]
        said = shared("someone")[word][language]
        return said if object_ else SUBJECT.get(said, said)
    several = found["noun"] in _english_plurals()
    noun = nouns(language)[_english_plurals().get(found["noun"], found["noun"])]
    how = Said(language, found["colour"] or "", several, object_)
    return _definite(noun, how) if found["the"] else _counted(noun, found["number"], how)


def _definite(noun: Noun, how: Said) -> str:
    """Return a noun with its definite article."""
    several = how.several or _only_plural(noun)
    article = (DEFINITE_PLURAL if several else DEFINITE)[how.language][noun.gender]
    word = _word(noun, how)
    if how.language == "de":
        article = OBJECT.get(article, article) if how.object_ else article
        return f"{article} {_coloured(noun, word, how, AFTER_THE)}"
    vowel = _begins_with_vowel(word, how.language)
    if how.language in ("fr", "it") and vowel and not several:
        return f"l'{_coloured(noun, word, how)}"
    if how.language == "it" and noun.gender == "m" and (LO.match(word) or (several and vowel)):
        article = "gli" if several else "lo"
    if how.language == "es" and word in STRESSED_A:
        article = "el"
    return f"{article} {_coloured(noun, word, how)}"


def _counted(noun: Noun, number: str | None, how: Said) -> str:
    """Return a noun with its number or indefinite article."""
    if number is None:
        return _uncounted(noun, how)
    word = _word(noun, how)
    if number not in ONE:
        said = shared("number").get(number, {}).get(how.language, number)
        return f"{said} {_coloured(noun, noun.plural, replace(how, several=True))}"
    if _only_plural(noun):
        return _coloured(noun, word, how)
    return f"{_one(noun, word, how)}{_coloured(noun, word, how)}"


def _one(noun: Noun, word: str, how: Said) -> str:
    """Return the indefinite article with the space after it, if there is one."""
    article = ARTICLES[how.language][noun.gender]
    if how.language == "de" and how.object_ and noun.gender == "m":
        article = "einen"
    if how.language == "es" and word in STRESSED_A:
        article = "un"
    if how.language == "it" and noun.gender == "m" and LO.match(word):
        article = "uno"
    if how.language == "it" and noun.gender == "f" and _begins_with_vowel(word, "it"):
        return "un'"
    return f"{article} "


def _uncounted(noun: Noun, how: Said) -> str:
    """Return a noun that has no article in English: bread, scissors, cups."""
    word = _word(noun, how)
    pair = not how.several and is_plural(noun.english) and noun.singular != noun.plural
    if pair:
        return f"{_one(noun, word, how)}{_coloured(noun, word, how)}"
    some = _some(noun, word, how) if how.language == "fr" else ""
    return f"{some}{_coloured(noun, word, how)}"


def _some(noun: Noun, word: str, how: Said) -> str:
    """Return the French partitive article, with the space after it if there is one."""
    if how.several or _only_plural(noun):
        return "des "
    if _begins_with_vowel(word, "fr"):
        return "de l'"
    return {"m": "du ", "f": "de la "}[noun.gender]


def _word(noun: Noun, how: Said) -> str:
    if how.several:
        return noun.plural
    weak = noun.gender == "m" and noun.plural in (f"{noun.singular}n", f"{noun.singular}en")
    if how.language == "de" and how.object_ and weak and noun.singular.lower().endswith(WEAK):
        return noun.plural
    return noun.singular


def _coloured(noun: Noun, word: str, how: Said, article: str = "") -> str:
    """Return `word`, a form of `noun`, with its color; `article` is what comes before it."""
    if not how.colour:
        return word
    several = how.several or _only_plural(noun)
    if how.language != "de":
        return f"{word} {adjective(how.colour, how.language, noun.gender, several=several)}"
    said = german_adjective(how.colour, noun.gender, article, several=several, object_=how.object_)
    return f"{said} {word}"


def _only_plural(noun: Noun) -> bool:
    """Return whether the noun has no singular: jeans, occhiali."""
    return is_plural(noun.english) and noun.singular == noun.plural


def _begins_with_vowel(word: str, language: str) -> bool:
    lower = word.lower()
    return lower.startswith(VOWELS) and not (language == "fr" and lower.startswith(ASPIRATED))
