"""What users are told of how a prompt was read: why it is refused, and what is left out."""

from collections.abc import Iterable, Sequence

from models.generation.chunk_request import MAX_THINGS, WeightedPrompts
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import FREE, PromptReading, UnknownPart
from models.generation.small.prompts.vocabulary import Vocabulary, with_article
from models.generation.small.prompts.word_tables import (
    DETERMINERS,
    FUNCTION_WORDS,
    JOINS,
    PLACING,
)
from models.generation.small.prompts.words import split_prompt

MAX_LISTED = 8  # names or words in a message
MAX_QUOTED = 40  # characters of a prompt in a message
ENGLISH = frozenset(f"{DETERMINERS}, {JOINS}, {PLACING}".split(", ")) - {"a", "in", "to"}


def read_prompts(prompt: WeightedPrompts, vocabulary: Vocabulary) -> tuple[PromptReading, ...]:
    """Return the readings of those texts of `prompt` that have a weight."""
    return tuple(read_prompt(text, vocabulary) for text, weight in prompt if weight > 0)


def refusal(prompt: WeightedPrompts, vocabulary: Vocabulary) -> str:
    """Return why nothing is drawn for `prompt`; empty if the model knows a thing of each text."""
    return next(
        (_refused(each) for each in read_prompts(prompt, vocabulary) if not each.drawable), ""
    )


def notices(
    prompt: WeightedPrompts, vocabulary: Vocabulary, *, tracks: bool = True
) -> tuple[str, ...]:
    """Return what is left out of `prompt`, put in its place, or read from it.

    Without `tracks` the model moves things as it likes.
    """
    readings = read_prompts(prompt, vocabulary)
    found: dict[str, None] = {}
    for reading in readings:
        found |= dict.fromkeys(_left_out(reading))
    main = max(prompt, key=lambda part: part[1])[0]
    motions = [thing.motion for thing in read_prompt(main, vocabulary).things]
    if tracks and (known := [motion for motion in motions if motion not in ("", FREE)]):
        found[f"the motion was read from the words: {', '.join(known)}"] = None
    return tuple(found)


def _refused(reading: PromptReading) -> str:
    vocabulary = reading.vocabulary
    if language := foreign_language(reading.text):
        return (
            f'"{_brief(reading.text)}" {language}: the model reads English, as in '
            f'"{example(vocabulary)}"'
        )
    things = [part for part in reading.unknown if part.kind == "thing"]
    nearest = list(dict.fromkeys(name for part in things for name in part.nearest))
    if not things and reading.absent:
        said = _brief(", ".join(reading.absent))
        return f'the prompt says what is not to be drawn ("{said}") and no thing that is'
    if not things:
        return f"the prompt names no thing to draw: expected one of {_known(vocabulary)}"
    unknown = _listed((f'"{_brief(part.text)}"' for part in things), "or")
    known = f"nearest known: {_listed(nearest, 'or')}" if nearest else ""
    grounds = [part for part in reading.unknown if part.kind == "background"]
    placed = "".join(f'; nor the background "{_brief(part.text)}"{_near(part)}' for part in grounds)
    return (
        f"the model cannot draw {unknown}; {known or f'it can draw {_known(vocabulary)}'}{placed}"
    )


def _left_out(reading: PromptReading) -> list[str]:
    found = [
        f'"{_brief(part.text)}" is left out: the model cannot draw it{_near(part)}'
        for part in reading.unknown
        if part.kind == "thing"
    ]
    if reading.surplus:
        names = _listed(reading.surplus, "and")
        found.append(f"{MAX_THINGS} things are drawn at most: {names} is left out")
    found += _background(reading)
    words = [_brief(part.text) for part in reading.unknown if part.kind in ("attribute", "action")]
    if words:
        found.append(f"left out, because not known: {_listed(words, 'and')}")
    found += [
        f"one {thing.kind} is drawn, not several" for thing in reading.things if thing.several
    ]
    return found


def _background(reading: PromptReading) -> list[str]:
    unknown = [part for part in reading.unknown if part.kind == "background"]
    default = reading.default_background
    if reading.background or not default:
        return [
            f'the background "{_brief(part.text)}" is left out{_near(part)}' for part in unknown
        ]
    if not unknown:
        return [f"no background is named: it is {default}"]
    return [
        f'the background "{_brief(part.text)}" is not known: it is {default}{_near(part)}'
        for part in unknown
    ]


def _near(part: UnknownPart) -> str:
    return f"; nearest known: {_listed(part.nearest, 'or')}" if part.nearest else ""


def _known(vocabulary: Vocabulary) -> str:
    kinds = tuple(dict.fromkeys((*vocabulary.own_things, *vocabulary.kinds)))
    rest = len(kinds) - MAX_LISTED
    return ", ".join(kinds[:MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def example(vocabulary: Vocabulary) -> str:
    """Return a prompt that the model can draw."""
    grounds = vocabulary.grounds
    thing = with_article(vocabulary.kinds[len(vocabulary.kinds) // 3])
    return f"{thing} on {grounds[len(grounds) // 3]}" if grounds else thing


def foreign_language(text: str) -> str:
    """Return "seems to be" and a language by its articles and prepositions; empty for English."""
    words = set(split_prompt(text))
    counts = {
        language: len(words & set(listed.split(", ")))
        for language, listed in FUNCTION_WORDS.items()
    }
    most = max(counts.values())
    if most == 0 or (most == 1 and words & ENGLISH):
        return ""
    likely = [language for language, count in counts.items() if count == most]
    return f"seems to be {_listed(likely, 'or')}"


def _listed(names: Iterable[str], last: str) -> str:
    shown: Sequence[str] = list(names)
    if len(shown) > MAX_LISTED:
        shown = [*shown[:MAX_LISTED], f"{len(shown) - MAX_LISTED} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _brief(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 1]}…"
