"""Answers made by rule, in English, to other languages, sentence by sentence.

A template of the tables has slots: `<l>` and `<m>` things with articles, numbers and conjunctions,
`<h>` the same with times, `<d>` one with `the`, `<p>` a plural, `<i>` a noun without an article,
`<t>` and `<u>` times, `<s>` a side, `<c>` a color, `<k>` a number, `<v>` a posture, `<q>` what is
quoted, `<x>` what is left out. An answer that no template has stays English, and says so.
"""

import re
from dataclasses import dataclass
from functools import cache

from models.assistant.phrasebook.dictionary import LANGUAGES, lines, shared
from models.assistant.phrasebook.grammar import noun_list
from models.assistant.phrasebook.patterns import SLOT

SENTENCE = re.compile(r"(?<=[.!?])\s+")
TIME = r"\d+:\d\d(?::\d\d)?"
FORMS = {"t": TIME, "u": TIME, "q": '["\u201c].+["\u201d]'}
WORDS = {"s": "side", "c": "colour", "k": "number", "v": "posture"}


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence of an answer: its English, and `others` in the order of `LANGUAGES`."""

    pattern: re.Pattern[str]
    others: tuple[str, ...]


def in_language(answer: str, language: str) -> tuple[str, str]:
    """Return an English `answer` in `language`, with its code.

    What no template has stays English as a whole, after a sentence in `language` that says so.
    """
    text = answer.strip()
    found = _sentence(text, language)
    if found is None:
        parts = [_sentence(part, language) for part in SENTENCE.split(text)]
        found = " ".join(filter(None, parts)) if all(parts) else None
    if found is None:
        return f"{shared('join')['english'][language]} {text}", "en"
    return found, language


def _sentence(text: str, language: str) -> str | None:
    """Return one sentence, perhaps after yes or no; None if no template has it."""
    for word in ("Yes", "No"):
        head, rest = shared("join")[word.lower()][language], text.removeprefix(word)
        if rest == ".":
            return f"{head}."
        if rest != text and rest.startswith((", ", ". ")):
            found = _from_templates(rest[2:], language)
            if found is None:
                return None
            joined = found if rest[0] == "." else found[:1].lower() + found[1:]
            return f"{head}{rest[0]} {joined}"
    return _from_templates(text, language)


def _from_templates(text: str, language: str) -> str | None:
    for template in _templates():
        match = template.pattern.fullmatch(text)
        found = None if match is None else _filled(template, match, language)
        if found is not None:
            return found[:1].upper() + found[1:]
    return None


@cache
def _templates() -> tuple[Template, ...]:
    table, step = lines("answers"), 1 + len(LANGUAGES)
    rows = [table[at : at + step] for at in range(0, len(table), step)]
    rows.sort(key=lambda row: len(SLOT.findall(row[0])))  # whole sentences first
    return tuple(Template(_pattern(english), tuple(others)) for english, *others in rows)


def _pattern(english: str) -> re.Pattern[str]:
    parts = SLOT.split(english)
    escaped = [
        f"(?P<{part}>{_form(part)})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
    ]
    return re.compile("".join(escaped), re.IGNORECASE)


def _form(slot: str) -> str:
    return "|".join(shared(WORDS[slot])) if slot in WORDS else FORMS.get(slot, ".+?")


def _filled(template: Template, match: re.Match[str], language: str) -> str | None:
    text = template.others[LANGUAGES.index(language)]
    for slot in dict.fromkeys(SLOT.findall(text)):
        before = text.partition(f"<{slot}>")[0]
        object_ = bool(before) and not before.rstrip().endswith(":")
        value = _value(slot, match[slot], language, object_=object_)
        if value is None:
            return None
        text = text.replace(f"<{slot}>", value)
    return text


def _value(slot: str, words: str, language: str, *, object_: bool) -> str | None:
    if slot in WORDS:
        return shared(WORDS[slot])[words.lower()][language]
    if slot in FORMS:
        return words
    listed = f"one {words}" if slot == "i" else words
    return noun_list(listed.lower(), language, object_=object_)
