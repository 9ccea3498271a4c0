"""Questions in other languages, as they are typed or were recognized, to English."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from re import Match

from models.assistant.phrasebook.dictionary import (
    LANGUAGES,
    colour_of,
    folded,
    read_noun_phrase,
    small_words,
)
from models.assistant.phrasebook.patterns import SLOT, Phrasing, numbers, phrases, sides
from models.assistant.talk.wording import plural

MAX_CHARACTERS = 300  # of a question: longer ones are no phrases


@dataclass(frozen=True, slots=True)
class ForeignQuestion:
    """A question in the language `language`, and its English."""

    english: str
    language: str


@lru_cache(maxsize=256)
def read_foreign(text: str, languages: Sequence[str] = LANGUAGES) -> ForeignQuestion | None:
    """Return the English of `text`, None if it is in none of `languages` or not understood."""
    if len(text) > MAX_CHARACTERS:
        return None
    for language in languages:
        if language not in LANGUAGES:
            continue
        words = folded(text, language)
        for each in dict.fromkeys((words, _without_fillers(words, language))):
            found = _translated(each, language, phrases(language, clauses=False))
            if found is not None:
                return ForeignQuestion(f"{found[:1].upper()}{found[1:]}", language)
    return None


def in_english(text: str) -> str:
    """Return the English of `text` if it is understood, else `text`."""
    found = read_foreign(text)
    return text if found is None else found.english


def _without_fillers(words: str, language: str) -> str:
    padded = f" {words} "
    for filler in small_words(language, "fillers"):
        padded = padded.replace(f" {filler} ", " ")
    return padded.strip()


def _translated(words: str, language: str, among: Sequence[Phrasing]) -> str | None:
    """Return the English of the first phrase that folded `words` are; its slots must be known."""
    for phrase in among:
        match = phrase.pattern.match(f" {words}")
        found = None if match is None else _filled(phrase.english, match, language)
        if found is not None:
            return found
    return None


def _filled(english: str, match: Match[str], language: str) -> str | None:
    """Return `english` with its slots filled; None if one of them is not known."""
    for name in SLOT.findall(english):
        value = _value(name, match[name].strip(), language)
        if value is None:
            return None
        english = english.replace(f"<{name}>", value)
    return english.replace("on the middle", "in the middle")


def _value(name: str, words: str, language: str) -> str | None:
    match name:
        case "clause":
            found = _translated(words, language, phrases(language, clauses=True))
            if found is None:
                shorter = _without_fillers(words, language)
                found = _translated(shorter, language, phrases(language, clauses=True))
            return found
        case "s":
            return sides(language)[words]
        case "k":
            return numbers(language).get(words, words)
        case "c":
            return colour_of(words, language) or None
        case "x":
            return words
        case _:
            return _noun(name, words, language)


def _noun(name: str, words: str, language: str) -> str | None:
    """Return the English of a slot for a noun; None if the noun is not known."""
    phrase = read_noun_phrase(words, language, noun=name in ("n0", "p"))
    if phrase is None:
        return None
    if name in ("n", "n2"):
        return str(phrase)
    bare = phrase.english if name == "n0" else plural(phrase.english)
    return f"{phrase.colour} {bare}".strip()
