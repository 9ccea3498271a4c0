"""Answers to questions about who spoke, and what they said, from labelled captions. English: pure.

What is no such question is left to the assistant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_QUOTES = 3
COUNTS = ("Nobody", "One person", "Two people", "Three people", "Four people", "Five people",
          "Six people", "Seven people", "Eight people")  # fmt: skip

_WHO_NOW = re.compile(
    r"^(?:who(?: is|'s) (?:speaking|talking)(?: right)?(?: now)?|who was that|"
    r"who (?:just )?(?:spoke|talked)(?: last| just now)?)\W*$",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(
    r"^how many (?:different )?(?:people|persons|speakers|voices)\b.*"
    r"\b(?:spoke|speak|speaking|spoken|talk|talked|talking|hear|heard)\b",
    re.IGNORECASE,
)
_WHO_SPOKE = re.compile(r"^who (?:all )?(?:has spoken|spoke so far|has talked)\b", re.IGNORECASE)
_WHO_SAID = re.compile(
    r"^who (?:has |just )?(?:said|mentioned|asked|(?:talked|spoke|spoken|talking|asked) about)"
    r"(?: that| something about| anything about| about)?\s+(?P<topic>.+?)\W*$",
    re.IGNORECASE,
)
_WHAT_SAID = re.compile(
    r"^(?:what|anything) (?:did|has|does|was) (?P<who>.+?) "
    r"(?:say|said|saying|mention|mentioned|tell us|talk|talked|talking)"
    r"(?:\s+(?:about|on|of)\s+(?P<topic>.+?))?(?: so far| last| just now| before)?\W*$",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"^(?:the )?speaker (?:number )?(?P<number>\d+)$", re.IGNORECASE)
_SMALL = re.compile(
    r"a|an|the|my|your|his|her|its|our|their|this|that|these|those|is|are|was|were|be|it|he|she|"
    r"they|i|you|we|to|of|in|on|at|and|or|about|for|with|do|does|did|say|said|please"
)


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """What the speaker with number `speaker` said without a break, from `time` in seconds on."""

    speaker: int
    text: str
    time: float


def reply(question: str, said: Sequence[SpokenPart], names: Mapping[int, str]) -> str | None:
    """Return the answer to a question about speech; None if it is another question.

    `said` is in order, without the question; `names` has those of all speakers by number.
    """
    text = question.strip()
    if _WHO_NOW.match(text):
        return _last(said, names)
    if _HOW_MANY.match(text) or _WHO_SPOKE.match(text):
        return _count(names)
    if found := _WHO_SAID.match(text):
        return _who_said(found["topic"], said, names)
    if found := _WHAT_SAID.match(text):
        return _what_said(found["who"], found["topic"], said, names)
    return None


def clock(seconds: float) -> str:
    """Return a time as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _last(said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    known = [each for each in said if each.speaker in names]
    if not known:
        return "I cannot tell who speaks yet."
    return f"{_capital(names[known[-1].speaker])} spoke last, at {clock(known[-1].time)}."


def _count(names: Mapping[int, str]) -> str:
    if not names:
        return "I have heard nobody speak yet."
    people = [names[number] for number in sorted(names)]
    count = COUNTS[len(people)] if len(people) < len(COUNTS) else f"{len(people)} people"
    return f"{count} spoke: {_listed(people)}."


def _who_said(topic: str, said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    found = [each for each in _about(topic, said) if each.speaker in names]
    if not found:
        return f"I have not heard anybody say that: {topic.strip()}."
    quotes = [
        f"{_capital(names[each.speaker])} said at {clock(each.time)}: “{each.text}”"
        for each in found[-MAX_QUOTES:]
    ]
    return " ".join(quotes)


def _what_said(
    who: str, topic: str | None, said: Sequence[SpokenPart], names: Mapping[int, str]
) -> str | None:
    numbers = _called(who, names)
    if not numbers:
        return _unknown(who, names)
    own = [each for each in said if each.speaker in numbers]
    found = _about(topic, own) if topic else own
    name = _capital(names[min(numbers)])
    if not found:
        return f"{name} said nothing about {topic}." if topic else f"{name} has said nothing yet."
    quotes = [f"“{each.text}” at {clock(each.time)}" for each in found[-MAX_QUOTES:]]
    return f"{name} said {_listed(quotes)}."


def _called(who: str, names: Mapping[int, str]) -> set[int]:
    """Return the numbers of those who are called `who`."""
    by_number = _SPEAKER.match(who)
    if by_number:
        return {int(by_number["number"])} & set(names)
    return {number for number, name in names.items() if name.lower() == who.lower()}


def _unknown(who: str, names: Mapping[int, str]) -> str | None:
    """Return that nobody is called `who`, if that is a name; a sign says something, too."""
    named = _SPEAKER.match(who) or (re.fullmatch(r"[A-Z][\w'-]+", who) and who not in ("I", "You"))
    if not named or not names:
        return None
    people = _listed([names[number] for number in sorted(names)])
    return (
        f"I know nobody called {who}; I heard {people}. "
        f"Tell me who it is, for example: speaker 1 is {'Anna' if _SPEAKER.match(who) else who}."
    )


def _about(topic: str, said: Sequence[SpokenPart]) -> list[SpokenPart]:
    """Return those of `said` that have the words of `topic`: as many as the best has."""
    wanted = _words(topic) or set(re.findall(r"[\w']+", topic.lower()))
    scored = [(len(wanted & _stems(each.text)), each) for each in said]
    best = max((score for score, _ in scored), default=0)
    if best == 0 or best * 2 < len(wanted):
        return []
    return [each for score, each in scored if score == best]


def _words(text: str) -> set[str]:
    return {
        _stem(word) for word in re.findall(r"[\w']+", text.lower()) if not _SMALL.fullmatch(word)
    }


def _stems(text: str) -> set[str]:
    words = re.findall(r"[\w']+", text.lower())
    return {_stem(word) for word in words} | set(words)


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
