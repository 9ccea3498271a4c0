"""Answers made by rule, in English, to other languages, sentence by sentence.

A template of the tables has slots: `<l>` and `<m>` things with articles, numbers and conjunctions,
`<h>` the same with times, `<d>` one with `the`, `<p>` a plural, `<i>` a noun without an article,
`<t>` and `<u>` times, `<s>` a side, `<c>` a color, `<k>` a number, `<v>` a posture, `<q>` what is
quoted, `<x>` what is left out, `<r>` a sentence, `<g>` what people do or show, `<w>` spans of time,
`<f>` left or right, `<j>`, `<y>`, `<o>`, `<z>` parts of a date. An answer that no template has is
English, and says so.
"""

import re
from dataclasses import dataclass
from functools import cache

from models.assistant.phrasebook.dictionary import LANGUAGES, lines, shared
from models.assistant.phrasebook.grammar import noun_list
from models.assistant.phrasebook.patterns import SLOT

SENTENCE = re.compile(r"(?<=[.!?])\s+")
TIME = r"\d+:\d\d(?::\d\d)?"
SPAN = rf"(?:at {TIME}|from {TIME} to {TIME})"
FORMS = {"t": TIME, "u": TIME, "q": '["\u201c].+["\u201d]', "y": r"\d+", "z": r"\d+"}
WORDS = {
    "s": "side", "c": "colour", "k": "number", "v": "posture", "j": "day", "o": "month",
    "f": "hand",
}  # fmt: skip
SHOWING = re.compile(r"^(?:showing|giving|holding up) ")


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
    if slot == "w":
        return rf"{SPAN}(?:(?:, | and ){SPAN})*"
    if slot in WORDS:
        return "|".join(sorted(shared(WORDS[slot]), key=len, reverse=True))
    return FORMS.get(slot, ".+?")


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
    if slot == "g":
        return _signs(words.lower(), language)
    if slot == "w":
        spoken = shared("span")
        return re.sub(r"[a-z]+", lambda word: spoken[word[0]][language], words.lower())
    if slot == "r":
        return _sentence(words[:1].upper() + words[1:], language)
    listed = f"one {words}" if slot == "i" else words
    return noun_list(listed.lower(), language, object_=object_)


def _signs(words: str, language: str) -> str | None:
    """Return what English `words` say that people do or show; None if one is not known."""
    known = shared("sign")
    found = [known.get(SHOWING.sub("", part)) for part in re.split(r", | and ", words)]
    if None in found:
        return None
    said = [each[language] for each in found if each is not None]
    last = shared("span")["and"][language]
    return f" {last} ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
