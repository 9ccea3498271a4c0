"""Finds the known names in a question: `my mug` asks about a cup.

Matching is by words, the longest name first, with plural forms. If a question has no known name,
entries are selected by time alone.
"""

import re
from dataclasses import dataclass

from models.assistant.scene.vocabulary import KINDS, RELATED, SYNONYMS
from models.vision.class_names import DETAILS, DETECTED, DETECTED_DETAILS, NAMES, SPOKEN

PERSON_WORDS = frozenset(
    {
        "person", "people", "persons", "anyone", "anybody", "someone", "somebody", "man", "men",
        "woman", "women", "boy", "girl", "child", "children", "human", "humans", "who", "whom",
        "us", "guy", "face", "visitor", "guest",
    }
)  # fmt: skip
# First words of a yes-or-no question; any other question presumes that the thing was seen.
YES_NO_WORDS = frozenset(
    {
        "is", "are", "was", "were", "do", "does", "did", "have", "has", "can", "could", "any",
        "isn't", "aren't", "didn't", "haven't",
    }
)  # fmt: skip


PRESENT_WORDS = frozenset({"is", "are", "do", "does", "can", "isn't", "aren't"})
ORDER_WORDS = frozenset({"before", "after", "next", "previous", "previously", "following"})
# Nouns in a question that are not things in the video.
NOT_OBJECTS = frozenset(
    {
        "picture", "video", "room", "screen", "camera", "view", "thing", "things", "time", "moment",
        "first", "last", "colour", "color", "background", "front", "begin", "beginning",
        "end", "middle", "left", "right", "same", "way", "lot", "minute", "hour", "scene",
    }
)  # fmt: skip
LOCATION_PHRASE = re.compile(
    r"\b(?:in|on) (?:the|my|your) (?:screen|hand|hands|desk|table)\b(?=[?.! ]*$)"
)
NOUN = re.compile(
    r"\b(?:an?|any|my|the|your) ([a-z'-]+(?: [a-z'-]+)??)"
    r"(?= (?:in|on|at|now|here|there|before|after|first|last|again|yet|so|with|or|and|was|is|come|"
    r"came|appear|go|leave)\b|[?.!,;]|$)"
)


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A word of a question, and its columns of `NAMES`; none if it is unknown."""

    word: str
    name_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What a question is about: columns of `NAMES`, and whether it is about persons.

    `terms` are its known words in order, with the columns of each. `yes_no` is whether it expects
    yes or no, `present` whether it is about now, `order` whether it asks what came before or after.
    """

    name_ids: frozenset[int]
    persons: bool
    terms: tuple[QueryTerm, ...] = ()
    yes_no: bool = False
    order: bool = False
    present: bool = False


def parse_query(question: str) -> ParsedQuery:
    """Return the known names in `question`, and its form."""
    words = _words(LOCATION_PHRASE.sub("", question.lower()))
    first = words[0] if words else ""
    found: dict[int, QueryTerm] = {}
    for count in (4, 3, 2, 1):  # the longest name first; its words are then used up
        for at in range(len(words) - count + 1):
            phrase = " ".join(words[at : at + count])
            columns = _lookup(phrase)
            if columns:
                found[at] = QueryTerm(phrase, frozenset(columns))
                words[at : at + count] = [""] * count
    for at, term in list(found.items()):  # an orange cup is a cup
        if term.word == "orange" and at + 1 in found:
            del found[at]
    name_ids = frozenset[int]().union(*(term.name_ids for term in found.values()))
    persons = any(word in PERSON_WORDS for word in words)
    terms = tuple(found[at] for at in sorted(found))
    if not terms and not persons:
        terms = _unknown_term(question)
    return ParsedQuery(
        name_ids,
        persons,
        terms,
        yes_no=first in YES_NO_WORDS,
        order=not ORDER_WORDS.isdisjoint(words),
        present=first in PRESENT_WORDS,
    )


def find_name_ids(phrase: str) -> frozenset[int]:
    """Return the columns of the name or kind that is exactly `phrase`; none if there is none."""
    return frozenset(_lookup(" ".join(_words(phrase))))


def find_kin_ids(word: str) -> frozenset[int]:
    """Return the columns of the smallest kind that `word` is of: of birds, if it is a turkey.

    Empty if it is of no kind, or if `word` is a kind itself.
    """
    forms = _singular_forms(" ".join(_words(word)))
    if KINDS.keys() & set(forms):
        return frozenset()
    own = find_name_ids(word)
    for form in forms:
        if not own and form in _KIND_OF_WORD:
            return frozenset(_NAME_INDEX[_KIND_OF_WORD[form]])
    around = (_NAME_INDEX[kind] for kind in KINDS if own and own < _NAME_INDEX[kind])
    return frozenset(min(around, key=len, default=frozenset()))


def without_control_tokens(question: str) -> str:
    """Return `question` without control tokens such as `<|im_end|>`, which would end the turn."""
    return re.sub(r"<\|\w*\|>", "", question)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z'-]+", text.lower())


def _unknown_term(question: str) -> tuple[QueryTerm, ...]:
    """Return the first noun of `question`, as an unknown term."""
    for match in NOUN.finditer(question.lower()):
        if not NOT_OBJECTS & set(match[1].split()):
            return (QueryTerm(match[1], frozenset()),)
    return ()


def _lookup(phrase: str) -> set[int]:
    for form in _singular_forms(phrase):
        both = _NAME_INDEX.get(form, set()) | _NAME_INDEX.get(SYNONYMS.get(form, ""), set())
        if both:
            return both
    return set()


def _singular_forms(phrase: str) -> list[str]:
    forms = [phrase]
    if phrase.endswith("ies"):
        forms.append(phrase[:-3] + "y")
    if phrase.endswith("es"):
        forms.append(phrase[:-2])
    if phrase.endswith("s") and not phrase.endswith("ss"):
        forms.append(phrase[:-1])
    return forms


def _name_index() -> dict[str, set[int]]:
    table: dict[str, set[int]] = {}
    for kind, (classes, names) in KINDS.items():
        spoken = [SPOKEN[index] for index in classes]
        table[kind] = {NAMES.index(name) for name in (*spoken, *names) if name in NAMES}
    spoken_names, details = SPOKEN + DETECTED[1:], DETAILS + DETECTED_DETAILS[1:]
    for spoken_name, detail in zip(spoken_names, details, strict=True):
        column = NAMES.index(spoken_name)
        for form in (spoken_name, detail.lower()):
            table.setdefault(form, set()).add(column)
    return table


_NAME_INDEX = _name_index()
_KIND_OF_WORD = {word: kind for kind, words in RELATED.items() for word in words.split()}
