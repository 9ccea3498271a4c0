"""Patterns of questions in a short notation, as regular expressions.

A line has words; `(a|b_c)` are alternatives, in which `_` is a space; `word?` and `(a|b)?` may be
missing. Slots: `<n>` and `<n2>` noun phrases, `<p>` a noun in the plural, `<n0>` one without what
is before it, `<c>` a color, `<s>` a side, `<k>` a number, `<x>` any words, `<clause>` what a
standing request is about.
"""

import re
from dataclasses import dataclass
from functools import cache

from models.assistant.phrasebook.dictionary import DOUBLED, folded, lines, shared

CLAUSE = ":clause "
SLOT = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Phrasing:
    """How something is asked, and its English with the same slots."""

    pattern: re.Pattern[str]
    english: str


@cache
def phrases(language: str, *, clauses: bool) -> tuple[Phrasing, ...]:
    """Return the phrases of a language, in order: questions, or clauses of standing requests."""
    found, english, wanted = [], "", False
    for line in lines("questions"):
        if not line.startswith(" "):
            wanted = line.startswith(CLAUSE) == clauses
            english = line.removeprefix(CLAUSE)
        elif wanted and line.startswith(f" {language} "):
            pattern = line.removeprefix(f" {language} ")
            found.append(Phrasing(re.compile(expression(pattern, language)), english))
    return tuple(found)


def expression(line: str, language: str) -> str:
    """Return the regular expression of a line, for words that begin with a space."""
    tokens = DOUBLED.sub(r"\1", line).split()
    return "^" + "".join(_token(token, language) for token in tokens) + "$"


def _token(token: str, language: str) -> str:
    optional = token.endswith("?") and (re.fullmatch(r"\w+\?", token) or _is_group(token[:-1]))
    if optional:
        token = token[:-1]
    inner = SLOT.sub(lambda slot: _slot(slot[1], language), token.replace("(", "(?:"))
    inner = re.sub(r"_(?![^<]*>)", " ", inner) if "P<" not in inner else inner.replace("_", " ")
    return f"(?: {inner})?" if optional else f" (?:{inner})"


def _is_group(token: str) -> bool:
    """Return whether `token` is one group in parentheses."""
    if not token.startswith("("):
        return False
    depth = 0
    for at, letter in enumerate(token):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return at == len(token) - 1
    return False


def _slot(name: str, language: str) -> str:
    if name == "s":
        return f"(?P<s>{'|'.join(sides(language))})"
    if name == "k":
        return rf"(?P<k>{'|'.join(numbers(language))}|\d+)"
    return rf"(?P<{name}>\w+)" if name == "c" else f"(?P<{name}>.+?)"


@cache
def sides(language: str) -> dict[str, str]:
    """Return the English side of each folded word for it."""
    found = {}
    for english, others in shared("side").items():
        word = folded(others[language], language)
        found[word] = english
        if language == "de":
            found[word.removesuffix("s") + "en"] = english
    return found


@cache
def numbers(language: str) -> dict[str, str]:
    """Return the English number of each folded word for it; one is an article, too."""
    return {
        folded(others[language], language): english
        for english, others in shared("number").items()
        if english != "one"
    }
