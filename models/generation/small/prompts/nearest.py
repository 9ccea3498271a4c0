"""What a model knows that is nearest to a word that it does not know.

A word of the tables is nearest to what is related to it; any other is taken for a misspelt name.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from models.generation.small.prompts.inflection import singulars
from models.generation.small.prompts.vocabulary import Vocabulary, split_list, without_article
from models.generation.small.prompts.word_tables import PLACES, THINGS

MAX_NEAREST = 3
MIN_MISSPELT = 3  # letters of a word that may be misspelt
LETTERS_PER_EDIT = 4  # a name of eight letters may have two wrong

Families = tuple[tuple[frozenset[str], ...], ...]  # of each realm, the names of each family


def nearest_things(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the usual names of the known things nearest to `text`, the nearest first."""
    known = (*((name,) for name in vocabulary.own_things), *vocabulary.things)
    return _nearest(text, _usual(known), _families(tuple(THINGS.values())))


def nearest_backgrounds(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the usual names of the known backgrounds nearest to `text`, the nearest first."""
    known = (*((name,) for name in vocabulary.own_backgrounds), *vocabulary.backgrounds)
    return _nearest(text, _usual(known), _families(tuple(PLACES.values())))


def is_thing(text: str) -> bool:
    """Return whether `text` names a thing that the tables have, or several."""
    return bool(_forms(text) & _names(tuple(THINGS.values())))


def is_place(text: str) -> bool:
    """Return whether `text` names a place that the tables have."""
    return bool(_forms(text) & _names(tuple(PLACES.values())))


def edits(one: str, other: str) -> int:
    """Return how many letters to add, drop, change or swap with the next make `one` the `other`.

    Source: Damerau 1964, of adjacent letters ("optimal string alignment").
    """
    before: list[int] = []
    line = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        previous, line, earlier = line, [i], before
        for j, wanted in enumerate(other, 1):
            best = min(previous[j] + 1, line[j - 1] + 1, previous[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, earlier[j - 2] + 1)
            line.append(best)
        before = previous
    return line[-1]


def _usual(groups: Iterable[tuple[str, ...]]) -> dict[str, str]:
    return {without_article(name): names[0] for names in groups for name in names}


def _nearest(text: str, usual: Mapping[str, str], families: Families) -> tuple[str, ...]:
    forms = _forms(text)
    if any(forms & family for realm in families for family in realm):
        return _related(forms, usual, families)
    return _misspelt(text, usual)


def _related(forms: set[str], usual: Mapping[str, str], families: Families) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for realm in families:
        own = [family for family in realm if family & forms]
        for family in (*own, *(realm if own else ())):
            found |= {kind: None for name, kind in usual.items() if name in family}
    return tuple(found)[:MAX_NEAREST]


def _misspelt(text: str, usual: Mapping[str, str]) -> tuple[str, ...]:
    likely = []
    for name, kind in usual.items():
        allowed = max(1, len(name) // LETTERS_PER_EDIT)
        if abs(len(name) - len(text)) <= allowed and len(text) >= MIN_MISSPELT:
            wrong = edits(text, name)
            if wrong <= allowed:
                likely.append((wrong, kind))
    return tuple(dict.fromkeys(kind for _, kind in sorted(likely, key=lambda each: each[0])))[
        :MAX_NEAREST
    ]


def _forms(text: str) -> set[str]:
    """Return what the tables may call `text`: all of it or its last word, as one or several."""
    last = text.rpartition(" ")[2]
    names = {text, last}
    for name in (text, last):
        head, space, word = name.rpartition(" ")
        names |= {f"{head}{space}{one}" for one in singulars(word)}
    return names


@cache
def _families(realms: tuple[tuple[str, ...], ...]) -> Families:
    return tuple(
        tuple(frozenset(n for names in split_list(line) for n in names) for line in realm)
        for realm in realms
    )


@cache
def _names(realms: tuple[tuple[str, ...], ...]) -> frozenset[str]:
    return frozenset(name for realm in _families(realms) for family in realm for name in family)
