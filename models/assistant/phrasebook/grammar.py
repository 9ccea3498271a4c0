"""English lists of things in other languages: articles, numbers and what joins them."""

import re
from functools import cache

from models.assistant.phrasebook.dictionary import Noun, nouns, shared
from models.assistant.talk.wording import plural

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
VOWELS = tuple("aeiouáéíóúàèìòùâêîôûh")
LO = re.compile(r"s[bcdfghjklmnpqrstvwz]|z|ps|gn|y")  # Italian: lo zaino, uno specchio


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
    alone = "|".join([*shared("someone"), "anybody"])
    numbers = "|".join([*shared("number"), "no"])
    phrase = (
        rf"(?P<alone>{alone})\b|(?:(?P<the>the) |(?P<number>an?|{numbers}|\d+) )?"
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
    colour = found["colour"]
    rest = f" ({shared('colour')[colour][language]})" if colour else ""
    if found["the"]:
        return f"{_definite(noun, language, several=several, object_=object_)}{rest}"
    return f"{_counted(noun, found['number'], several, language, object_=object_)}{rest}"


def _definite(noun: Noun, language: str, *, several: bool, object_: bool) -> str:
    word = noun.plural if several else noun.singular
    article = (DEFINITE_PLURAL if several else DEFINITE)[language][noun.gender]
    vowel = word.lower().startswith(VOWELS)
    if language in ("fr", "it") and vowel and not several:
        return f"l'{word}"
    if language == "it" and noun.gender == "m" and (LO.match(word) or (several and vowel)):
        article = "gli" if several else "lo"
    return f"{OBJECT.get(article, article) if object_ else article} {word}"


def _counted(noun: Noun, number: str | None, several: bool, language: str, *, object_: bool) -> str:
    if number is None:
        return _uncounted(noun, several, language)
    if number not in ONE:
        said = shared("number").get(number, {}).get(language, number)
        return f"{said} {noun.plural}"
    article, word = ARTICLES[language][noun.gender], noun.singular
    if language == "it" and noun.gender == "m" and LO.match(word):
        article = "uno"
    if language == "it" and noun.gender == "f" and word.startswith(VOWELS):
        return f"un'{word}"
    return f"{OBJECT.get(article, article) if object_ and noun.gender == 'm' else article} {word}"


def _uncounted(noun: Noun, several: bool, language: str) -> str:
    """Return a noun that has no article in English: bread, scissors, cups."""
    word = noun.plural if several else noun.singular
    if language == "fr":
        some = (
            "des"
            if several or word.endswith(("s", "x"))
            else {"m": "du", "f": "de la"}[noun.gender]
        )
        return f"{some} {word}"
    pair = language == "de" and plural(noun.english) == noun.english.rstrip("s") + "s"
    return f"eine {word}" if pair and noun.english.endswith("s") else word
