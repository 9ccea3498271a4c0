"""What a prompt says is not there: it is neither drawn nor called unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from models.generation.small.prompts.words import Part, Phrase

_ALTERNATIVES = ("or", "and")  # after them a negation may go on: "no cars or trees"
_BEGINS_ANEW = (Part.DETERMINER, Part.COUNT)
_NAMES = (Part.THING, Part.BACKGROUND, Part.UNKNOWN)


def without_negated(phrases: Iterable[Phrase]) -> tuple[list[Phrase], tuple[str, ...]]:
    """Return the phrases of what is wanted, and the words of what is not.

    A negation ends at the next comma, preposition, or "and" with an article ("no car and a duck").
    It takes in all of a list with "or" ("no cars, trees or people").
    """
    wanted: list[Phrase] = []
    absent: list[str] | None = None  # the words since a negation; None outside of one
    named: list[str] = []
    listed = _as_lists(list(phrases))
    for place, phrase in enumerate(listed):
        if phrase.part is Part.NEGATION:
            absent = []
            wanted.append(Phrase(Part.JOIN, "but", phrase.text))
        elif absent is None or _ends(phrase, listed[place + 1 : place + 2], absent):
            absent = None
            wanted.append(phrase)
        else:
            absent.append(phrase.text)
            if phrase.part in _NAMES:
                named.append(phrase.text)
    return wanted, tuple(named)


def _ends(phrase: Phrase, following: Sequence[Phrase], absent: Sequence[str]) -> bool:
    """Return whether what is negated ends before `phrase`; `absent` is what was so far."""
    if phrase.part in (Part.PLACING, Part.BEHIND):
        return bool(absent)  # unlike in "not on grass"
    if phrase.part is not Part.JOIN:
        return False
    anew = any(each.part in _BEGINS_ANEW for each in following)
    return phrase.text not in _ALTERNATIVES or (phrase.text == "and" and anew)


def _as_lists(phrases: list[Phrase]) -> list[Phrase]:
    """Return `phrases` with "or" in place of the commas of a list that ends with "or"."""
    alternative = False
    for place in range(len(phrases) - 1, -1, -1):
        phrase = phrases[place]
        if phrase.part is Part.JOIN and not (alternative and phrase.text == ","):
            alternative = phrase.text == "or"
        elif phrase.part is Part.JOIN:
            phrases[place] = replace(phrase, text="or")
        elif phrase.part in (Part.PLACING, Part.BEHIND, Part.NEGATION):
            alternative = False
    return phrases
