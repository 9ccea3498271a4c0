"""Answers to what is no question about the scene: fixed sentences, the clock, honest refusals."""

import re
from collections.abc import Callable
from datetime import datetime

from models.assistant.scene.query_parsing import parse_query
from models.assistant.talk.fixed_sentences import (
    ABILITY,
    CAN,
    CAN_READ,
    CANNOT,
    CANNOT_READ,
    DRAWS,
    GREETINGS,
    JOKES,
    REMARKS,
    SELF,
    WHO_I_AM,
    first_match,
)
from models.assistant.talk.scene_view import SceneView, contents
from models.assistant.talk.wording import people, plural, sentence, with_article
from models.assistant.understanding.kinds import TextKind
from models.assistant.understanding.languages import foreign_language
from models.assistant.understanding.plain_words import plain

NAME = re.compile(
    r"\b(?:my name is|call me|people call me|i am called) (?P<name>[\w'-]+)", re.IGNORECASE
)
DAY = re.compile(r"^is (?:it|today) (?:already |now )?(?P<day>\w+day)\b")
PART_OF_DAY = re.compile(r"\b(?:morning|afternoon|evening|night|noon|midnight)\b")
OTHER_DAY = re.compile(r"\b(?:in|from now|ago|next|yesterday|tomorrow)\b")
ELSEWHERE = re.compile(r"\b(?:in|at) (?!the moment|my|your)\w+")
HEADS = ((5, "night"), (12, "morning"), (18, "afternoon"), (24, "evening"))  # hours that end each


def greeting(words: str, view: SceneView | None) -> str:
    """Return a greeting, and what is in view."""
    head = first_match(GREETINGS, words) or "Hello"
    return f"{head}. {_offer(view)}" if head != "Hello" else f"Hello! {_offer(view)}"


def remark(text: str, view: SceneView | None) -> str:
    """Return a reply to a statement."""
    words, name = plain(text), NAME.search(text)
    if name is not None:
        return f"Nice to meet you, {name['name'].capitalize()}."
    shown = next((term for term in parse_query(words).terms if term.name_ids), None)
    if shown is not None and view is not None and re.match(r"^(?:this|that|it|here|these) ", words):
        seen = view.is_now((view.rows(shown, present=True) or [-1])[-1])
        thing = with_article(shown.word)
        return f"Yes, I see {thing}." if seen else f"I do not recognize {thing}. {_sight(view)}"
    return sentence(
        first_match(REMARKS, words) or "All right. I can only talk about what the camera shows"
    )


def clock(words: str, now: datetime) -> str:
    """Return the time or the date that `words` ask for, by the clock of this computer."""
    date = f"{now:%A}, {now.day} {now:%B} {now.year}"
    day = DAY.search(words)
    if day is not None:
        right = day["day"] == f"{now:%A}".lower()
        return f"{'Yes' if right else 'No'}, today is {date}."
    time = f"It is {now:%H:%M} by this computer's clock"
    if PART_OF_DAY.search(words):
        return f"{time}, so {next(part for end, part in HEADS if now.hour < end)}."
    if re.search(r"\b(?:day|date|month|year|weekday|today)\b", words) and "time" not in words:
        head = "I do not calculate dates. Today" if OTHER_DAY.search(words) else "Today"
        return f"{head} is {date}."
    return f"{time}, and I know no other." if ELSEWHERE.search(words) else f"{time}."


def joke(count: int) -> str:
    """Return a joke, another one as `count` of those that were told grows."""
    return JOKES[count % len(JOKES)]


def action(words: str, view: SceneView | None) -> str:
    """Return that actions are not recognized, and what is in view."""
    if re.search(r"\b(?:happen\w*|going on)\b", words):
        head = "I cannot tell what happens, only what is in view"
    else:
        head = "I do not recognize what anybody is doing, wearing or holding"
    return f"{head}. {_sight(view)}".strip()


def feeling(words: str, view: SceneView | None) -> str:
    """Return that moods, looks and age are not recognized, and who is in view."""
    what = "ages" if re.search(r"\b(?:old|age|young)\b", words) else "faces and moods"
    count = 0 if view is None else view.newest.scene.people
    seen = "" if view is None else f" I see {people(count)}." if count else " I see nobody now."
    return f"I cannot judge {what}.{seen}"


def count(words: str, view: SceneView | None) -> str:
    """Return what can be counted: the question is about something else."""
    del words
    return f"I can count people and common things only, such as cups or chairs. {_sight(view)}"


def language(text: str) -> str:
    """Return which languages are understood, also in the language of `text`."""
    found = foreign_language(text)
    head = "" if found is None else f"{found.not_understood} "
    return (
        f"{head}I understand English, and simple questions in German, Spanish, French and Italian."
    )


def unknown(words: str, view: SceneView | None) -> str:
    """Return that the question cannot be answered, and an example of one that can."""
    if not re.search(r"[a-z]{2}", words):
        return f"I did not understand that. {CAN}."
    return f"I cannot answer that: I know only what the camera shows. {_example(view)}"


def request() -> str:
    return "I can watch for something only while a session is live: ask me there."


def ability(words: str, *, reads: bool) -> str:
    """Return what the assistant can do, and what it cannot; `reads` is whether text is read."""
    reading = CAN_READ if reads else CANNOT_READ
    if re.search(r"\b(?:read|text)\b", words):
        return f"Yes. {reading}." if reads else f"No. {reading}."
    found = first_match(ABILITY, words)
    if found and found != CANNOT:
        return sentence(found)
    can = [CAN, CAN_READ] if reads else [CAN]
    cannot = [CANNOT] if reads else [CANNOT, CANNOT_READ]
    parts = [*cannot, *can] if found else [*can, *cannot]
    return " ".join(f"{part}." for part in parts)


def about_itself(words: str) -> str:
    """Return what the assistant is."""
    found = first_match(SELF, words)
    return sentence(found) if found else f"{WHO_I_AM}. {CAN}."


FIXED: dict[TextKind, Callable[[str], str]] = {
    TextKind.THANKS: lambda words: "You are welcome.",
    TextKind.FAREWELL: lambda words: "Good night!" if "night" in words else "Goodbye!",
    TextKind.SELF: about_itself,
    TextKind.DRAW: lambda words: f"{DRAWS}.",
}
SEEN: dict[TextKind, Callable[[str, SceneView | None], str]] = {
    TextKind.GREETING: greeting,
    TextKind.ACTION: action,
    TextKind.FEELING: feeling,
    TextKind.COUNT: count,
    TextKind.UNKNOWN: unknown,
}


def _one(word: str) -> str:
    """Return the singular of a word of the vocabulary."""
    single = word.removesuffix("s") if not word.endswith(("ss", "us", "is")) else word
    return single if parse_query(single).name_ids and plural(single) == word else word


def _sight(view: SceneView | None) -> str:
    """Return the sentence that says what is in view; empty before the first frame."""
    if view is None:
        return ""
    seen = contents(view.newest)
    return f"I see {seen}." if seen else "I see nothing now: the picture is dark or empty."


def _offer(view: SceneView | None) -> str:
    return _sight(view) or "I have not seen anything yet."


def _example(view: SceneView | None) -> str:
    main = "" if view is None else view.newest.main
    if not main or main in ("something", "person"):
        return 'Ask me, for example: "What do you see?" or "How many people are there?"'
    return f'Ask me, for example: "When did you first see {with_article(main)}?"'
