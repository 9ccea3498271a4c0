"""The words of a prompt, each with what it may be: a thing, a background, a color, a motion, ..."""

import re
import unicodedata
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache

from models.generation.small.prompts.inflection import singulars, verb_forms
from models.generation.small.prompts.vocabulary import (
    Vocabulary,
    same_places,
    same_things,
    split_list,
    without_article,
)
from models.generation.small.prompts.word_tables import (
    BEHIND,
    COLORS,
    COUNTS,
    DETERMINERS,
    FILLERS,
    JOINS,
    MOTION_PHRASES,
    MOTION_VERBS,
    NEGATIONS,
    PLACING,
    RELATIVES,
    SIZES,
    SPEEDS,
)

LONGEST = 5  # words of a phrase in the tables
_UNSEEN = ("Mn", "Mc", "Me", "Cf")  # accents; joiners and soft hyphens


class Part(Enum):
    """What a word or a phrase is in a prompt."""

    THING = auto()
    BACKGROUND = auto()
    COLOR = auto()
    SIZE = auto()
    MOTION = auto()
    SPEED = auto()
    DETERMINER = auto()  # a thing or a place begins
    COUNT = auto()  # several things begin
    JOIN = auto()  # another thing begins
    PLACING = auto()  # a place begins
    NEGATION = auto()  # what follows is not wanted
    BEHIND = auto()  # what was named last is a place
    RELATIVE = auto()  # what a thing does begins
    FILLER = auto()
    UNKNOWN = auto()


MARKS = {
    Part.FILLER: FILLERS,
    Part.RELATIVE: RELATIVES,
    Part.DETERMINER: DETERMINERS,
    Part.COUNT: COUNTS,
    Part.JOIN: JOINS,
    Part.NEGATION: NEGATIONS,
    Part.PLACING: PLACING,
    Part.BEHIND: BEHIND,
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word or phrase of a prompt; `value` is its usual form, `several` says that it is a plural.

    `text` is as the prompt has it, in lower case.
    """

    part: Part
    value: str
    text: str
    several: bool = False


def split_prompt(text: str) -> list[str]:
    """Return words, numbers and commas in lower case, without accents and invisible characters."""
    plain = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(letter for letter in plain if unicodedata.category(letter) not in _UNSEEN)
    whole = re.sub(r"n['’]t\b", " not", bare)
    return re.findall(r"[^\W\d_]+|\d+|[,;:.!?&+/]", re.sub(r"(?<=\w)['’]s\b", "", whole))


def find_phrases(text: str, vocabulary: Vocabulary) -> list[Phrase]:
    """Return the phrases of `text`: of several that begin at a word, the longest."""
    words, known = split_prompt(text), _session_phrases(vocabulary)
    found: list[Phrase] = []
    place = 0
    while place < len(words):
        for count in range(min(LONGEST, len(words) - place), 0, -1):
            phrase = _find(" ".join(words[place : place + count]), known)
            if phrase is not None:
                break
        else:
            phrase, count = Phrase(Part.UNKNOWN, words[place], words[place]), 1
        found.append(phrase)
        place += count
    return _colors_apart(found)


def _find(text: str, known: Mapping[str, Phrase]) -> Phrase | None:
    if text in known:
        return replace(known[text], text=text)
    if text.isdecimal():
        part = Part.DETERMINER if text == "1" else Part.COUNT
        return Phrase(part, text, text)
    if not text[-1].isalnum():
        return None if " " in text else Phrase(Part.JOIN, text, text)
    head, space, last = text.rpartition(" ")
    for one in singulars(last):
        phrase = known.get(f"{head}{space}{one}")
        if phrase is not None and phrase.part in (Part.THING, Part.BACKGROUND):
            return replace(phrase, text=text, several=phrase.part is Part.THING)
    return None


def _colors_apart(found: list[Phrase]) -> list[Phrase]:
    """Return `found` with colors of things that are called like another thing, as an orange car."""
    named = (Part.THING, Part.COLOR, Part.SIZE, Part.UNKNOWN)
    for place in range(len(found) - 2, -1, -1):
        phrase, following = found[place], found[place + 1]
        colored = phrase.part is Part.THING and phrase.text in _colors()
        verb = following.part is Part.UNKNOWN and following.text.endswith("ing")
        if colored and following.part in named and not verb:
            found[place] = Phrase(Part.COLOR, phrase.text, phrase.text)
    return found


@lru_cache(maxsize=1)
def _colors() -> frozenset[str]:
    return frozenset(name for names in split_list(COLORS) for name in names)


def _session_phrases(vocabulary: Vocabulary) -> Mapping[str, Phrase]:
    """Return all phrases of a session by their text: its own names before all others."""
    shared = known_phrases(replace(vocabulary, own_things=(), own_backgrounds=()))
    own = {name: Phrase(Part.THING, name, name) for name in vocabulary.own_things}
    own |= {name: Phrase(Part.BACKGROUND, name, name) for name in vocabulary.own_backgrounds}
    return ChainMap(own, shared) if own else shared


@lru_cache(maxsize=8)
def known_phrases(vocabulary: Vocabulary) -> dict[str, Phrase]:
    """Return all phrases by their text; later ones take the place of earlier ones."""
    known: dict[str, Phrase] = {}

    def add(part: Part, texts: Iterable[str], value: str = "") -> None:
        known.update({text: Phrase(part, value or text, text) for text in texts})

    for part, words in MARKS.items():
        add(part, words.split(", "))
    for speed, words in SPEEDS.items():
        add(Part.SPEED, words.split(", "), str(speed))
    for motion, verbs in MOTION_VERBS.items():
        add(Part.MOTION, [form for verb in verbs.split(", ") for form in verb_forms(verb)], motion)
    for motion, words in MOTION_PHRASES.items():
        add(Part.MOTION, words.split(", "), motion)
    for part, words in ((Part.COLOR, COLORS), (Part.SIZE, SIZES)):
        own = set(vocabulary.colors if part is Part.COLOR else vocabulary.sizes)
        for names in split_list(words):
            add(part, names, next((name for name in names if name in own), names[0]))
    _add_named(known, Part.BACKGROUND, vocabulary.backgrounds, same_places())
    _add_named(known, Part.THING, vocabulary.things, same_things())
    return known


def _add_named(
    known: dict[str, Phrase],
    part: Part,
    groups: Iterable[tuple[str, ...]],
    same: Mapping[str, str],
) -> None:
    """Add the names of each group, and those that the tables have for the same."""
    sizes = {name for name, phrase in known.items() if phrase.part is Part.SIZE}
    for names in groups:
        bare = [without_article(name) for name in names]
        first = same.get(bare[0], bare[0])
        others = [name for name, usual in same.items() if usual == first]
        known.update({name: Phrase(part, names[0], name) for name in (*others, *bare)})
    for name in [name for name, phrase in known.items() if phrase.part is part]:
        size, _, rest = name.partition(" ")
        if size in sizes and rest in known and known[rest].part is part:
            del known[name]  # a big cat is a cat, if there are cats
