"""Names that people give: themselves in what they say, or a speaker by number. English: pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_NAME = 40  # characters

# What follows "I am" with a capital and is no name.
_NO_NAMES = re.compile(
    r"american|australian|austrian|belgian|brazilian|british|canadian|catholic|chinese|christian|"
    r"danish|dutch|english|european|finnish|french|german|god|greek|hungarian|indian|irish|italian|"
    r"japanese|jewish|korean|mexican|muslim|norwegian|polish|portuguese|romanian|russian|scottish|"
    r"spanish|swedish|swiss|turkish|ukrainian|vegan|welsh|i|ok|okay|not|sorry|sure|fine|here|so|just|"
    r"very|really|too|also|only|the|a|an|in|at|on|from",
    re.IGNORECASE,
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_NAME = r"(?P<name>[^\W\d_][\w'-]*(?: [A-Z][\w'-]+)?)"
_END = r"(?=\s*(?:[.,!?;]|$|and\b|from\b|here\b|speaking\b|by the way\b))"
_BY_NUMBER = re.compile(
    rf"^(?:please |and |so )*(?:call |name |rename )?(?:the )?speaker (?:number )?"
    rf"(?P<number>\d+|{'|'.join(_NUMBERS)})(?: is called| is named| is|'s name is| as|:| to)? "
    rf"{_NAME}(?:,? please)?\s*[.!]*$",
    re.IGNORECASE,
)
_INTRODUCTIONS = (
    re.compile(rf"\bmy name(?: is|'s) {_NAME}{_END}", re.IGNORECASE),
    re.compile(rf"\b(?:you can |please |just )?call me {_NAME}{_END}", re.IGNORECASE),
    re.compile(rf"\bthis is {_NAME},? (?:speaking|here)\b", re.IGNORECASE),
    re.compile(rf"\b(?:I am|I'm|I’m) {_NAME}{_END}"),
)


@dataclass(frozen=True, slots=True)
class GivenName:
    """`name` of the speaker with `number`; of who speaks if that is None."""

    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Introduction:
    """Somebody says a name of their own, at the word with index `word` of what was said."""

    name: str
    word: int


def name_by_number(text: str) -> GivenName | None:
    """Return the name that `text` gives a speaker, as "Speaker 1 is Anna" does."""
    found = _BY_NUMBER.match(text.strip())
    if found is None or not _is_name(found["name"]):
        return None
    number = found["number"].lower()
    return GivenName(_written(found["name"]), _NUMBERS.get(number) or int(number))


def introduction(words: Sequence[str]) -> Introduction | None:
    """Return how the speaker of `words`, which keep their spaces, introduces himself or herself.

    After "I am", only a word with a capital is a name: speech recognition writes names so.
    """
    text = "".join(words)
    for pattern in _INTRODUCTIONS:
        found = pattern.search(text)
        if found is None or not _is_name(found["name"]):
            continue
        if pattern is _INTRODUCTIONS[-1] and not found["name"][0].isupper():
            continue
        return Introduction(_written(found["name"]), _word_at(words, found.start("name")))
    return None


def _is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and not _NO_NAMES.fullmatch(text)


def _written(name: str) -> str:
    """Return `name` with capitals, as typed names may have none."""
    return " ".join(part[:1].upper() + part[1:] for part in name.split())


def _word_at(words: Sequence[str], place: int) -> int:
    """Return the index of the word that has the character at `place` of the joined text."""
    end = 0
    for index, word in enumerate(words):
        end += len(word)
        if place < end:
            return index
    return len(words) - 1
