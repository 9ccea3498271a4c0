"""Answers to questions about who spoke, and what they said, from labelled captions. English: pure.

What is no such question is left to the assistant.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models.speakers import questions

MAX_QUOTES = 3
MAX_CHARACTERS = 400  # of a question
COUNTS = ("Nobody", "One person", "Two people", "Three people", "Four people", "Five people",
          "Six people", "Seven people", "Eight people")  # fmt: skip

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
    text = question.strip()[:MAX_CHARACTERS]
    for pattern, answer in _ANSWERS:
        found = pattern.match(text)
        if found is not None:
            return answer(found, said, names)
    return None


def clock(seconds: float) -> str:
    """Return a time as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _last(said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    known = [each for each in said if each.speaker in names]
    if not known:
        return "I cannot tell who speaks yet."
    return f"{_capital(names[known[-1].speaker])} spoke last, at {clock(known[-1].time)}."


def _first(said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    known = [each for each in said if each.speaker in names]
    if not known:
        return "I have heard nobody speak yet."
    return f"{_capital(names[known[0].speaker])} spoke first, at {clock(known[0].time)}."


def _most(said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    words = dict.fromkeys(names, 0)
    for part in said:
        if part.speaker in words:
            words[part.speaker] += len(part.text.split())
    if not any(words.values()):
        return "I have heard nobody speak yet."
    best = max(words, key=lambda number: words[number])
    return f"{_capital(names[best])} said most: {words[best]} words."


def _count(names: Mapping[int, str]) -> str:
    if not names:
        return "I have heard nobody speak yet."
    people = [names[number] for number in sorted(names)]
    count = COUNTS[len(people)] if len(people) < len(COUNTS) else f"{len(people)} people"
    return f"{count} spoke: {_listed(people)}."


def _who_is(who: str, names: Mapping[int, str]) -> str | None:
    number = _number(who)
    if number is None:
        return None
    if number not in names:
        heard = _listed([names[each] for each in sorted(names)]) if names else "nobody"
        return f"There is no speaker {number}: I have heard {heard}."
    if names[number] == f"speaker {number}":
        return f"I do not know the name of speaker {number}. Tell me: speaker {number} is Anna."
    return f"Speaker {number} is {names[number]}."


def _is_it(who: str, said: Sequence[SpokenPart], names: Mapping[int, str]) -> str | None:
    numbers, known = _called(who, names), [each for each in said if each.speaker in names]
    if not numbers or not known:
        return None
    return f"{'Yes' if known[-1].speaker in numbers else 'No'}: {_last(said, names)}"


def _who_said(topic: str | None, said: Sequence[SpokenPart], names: Mapping[int, str]) -> str:
    heard = [each for each in said if each.speaker in names]
    if topic is None or topic.lower() in questions.THAT:
        found = heard[-1:] if topic else heard
        if not found:
            return "I have heard nobody speak yet."
    else:
        found = _about(topic, heard)
    if not found:
        return f"I have not heard anybody say that: {(topic or '').strip()}."
    quotes = [
        f"{_capital(names[each.speaker])} said at {clock(each.time)}: “{each.text}”"
        for each in found[-MAX_QUOTES:]
    ]
    return " ".join(quotes)


def _what_said(
    who: str,
    topic: str | None,
    said: Sequence[SpokenPart],
    names: Mapping[int, str],
    *,
    count: int = MAX_QUOTES,
) -> str | None:
    if who.lower() in questions.ANYONE:
        return _who_said(topic, said, names)
    numbers = _called(who, names)
    if not numbers:
        return _unknown(who, names)
    own = [each for each in said if each.speaker in numbers]
    found = _about(topic, own) if topic else own
    name = _capital(names[min(numbers)])
    if not found:
        return f"{name} said nothing about {topic}." if topic else f"{name} has said nothing yet."
    quotes = [f"“{each.text}” at {clock(each.time)}" for each in found[-count:]]
    return f"{name} said {_listed(quotes)}."


def _when(
    who: str, topic: str | None, said: Sequence[SpokenPart], names: Mapping[int, str]
) -> str | None:
    numbers = set(names) if who.lower() in questions.ANYONE else _called(who, names)
    if not numbers:
        return None
    own = [each for each in said if each.speaker in numbers]
    found = _about(topic, own) if topic else own
    if not found:
        return f"I have not heard that{f': {topic}' if topic else ''}."
    last = found[-1]
    return f"{_capital(names[last.speaker])} said “{last.text}” at {clock(last.time)}."


def _whether(
    who: str, topic: str | None, said: Sequence[SpokenPart], names: Mapping[int, str]
) -> str | None:
    found = _when(who, topic, said, names)
    if found is None:
        return None
    return f"No. {found}" if found.startswith("I have not") else f"Yes. {found}"


def _number(who: str) -> int | None:
    """Return the number of `speaker two` or `the second speaker`."""
    found = questions.SPEAKER.match(who)
    if found is None:
        return None
    if found["ordinal"]:
        return questions.ORDINALS.index(found["ordinal"].lower()) + 1
    number = found["number"].lower()
    return questions.DIGITS.index(number) + 1 if number in questions.DIGITS else int(number)


def _called(who: str, names: Mapping[int, str]) -> set[int]:
    """Return the numbers of those who are called `who`, by first name or in full."""
    number = _number(who)
    if number is not None:
        return {number} & set(names)
    wanted = who.lower()
    exact = {number for number, name in names.items() if name.lower() == wanted}
    return exact or {number for number, name in names.items() if wanted in name.lower().split()[:1]}


def _unknown(who: str, names: Mapping[int, str]) -> str | None:
    """Return that nobody is called `who`, if that is a name; a sign says something, too."""
    name = re.fullmatch(r"[^\W\d_][\w'-]+", who) and who.lower() not in questions.NOBODY
    named = _number(who) is not None or name
    if not named or not names:
        return None
    people = _listed([names[number] for number in sorted(names)])
    asked = "Anna" if _number(who) is not None else _capital(who)
    return (
        f"I know nobody called {who}; I heard {people}. "
        f"Tell me who it is, for example: speaker 1 is {asked}."
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


_Answer = Callable[[re.Match[str], Sequence[SpokenPart], Mapping[int, str]], str | None]
_ANSWERS: tuple[tuple[re.Pattern[str], _Answer], ...] = (
    (questions.WHO_NOW, lambda _, said, names: _last(said, names)),
    (questions.FIRST, lambda _, said, names: _first(said, names)),
    (questions.MOST, lambda _, said, names: _most(said, names)),
    (questions.HOW_MANY, lambda _, __, names: _count(names)),
    (questions.WHO_SPOKE, lambda _, __, names: _count(names)),
    (questions.WHO_IS, lambda found, _, names: _who_is(found["who"], names)),
    (questions.WHO_SAID, lambda found, said, names: _who_said(found["topic"], said, names)),
    (questions.WHAT_WAS_SAID, lambda found, said, names: _who_said(found["topic"], said, names)),
    (
        questions.LAST_THING,
        lambda found, said, names: _what_said(found["who"], None, said, names, count=1),
    ),
    (
        questions.WHAT_SAID,
        lambda found, said, names: _what_said(
            found["who"], found["topic"], said, names, count=1 if found["last"] else MAX_QUOTES
        ),
    ),
    (
        questions.IS_IT,
        lambda found, said, names: _is_it(found["who"] or found["that"], said, names),
    ),
    (
        questions.WHEN,
        lambda found, said, names: _when(found["who"], found["topic"], said, names),
    ),
    (
        questions.WHETHER,
        lambda found, said, names: _whether(found["who"], found["topic"], said, names),
    ),
)
