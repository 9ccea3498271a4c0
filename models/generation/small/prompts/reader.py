"""Reads prompts as a person means them: what a model knows of them, and what it does not.

A prompt is cut into parts at articles, conjunctions and prepositions. A part with a known name is a
thing or a background; what else it says belongs to that. Other parts are what cannot be drawn.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from models.generation.chunk_request import MAX_THINGS
from models.generation.small.prompts.nearest import (
    is_place,
    is_thing,
    nearest_backgrounds,
    nearest_things,
)
from models.generation.small.prompts.negation import without_negated
from models.generation.small.prompts.reading import (
    FREE,
    NamedThing,
    PromptReading,
    UnknownKind,
    UnknownPart,
)
from models.generation.small.prompts.vocabulary import Vocabulary
from models.generation.small.prompts.word_tables import NOUNS_IN_ING
from models.generation.small.prompts.words import Part, Phrase, find_phrases

MAX_COMPARED = 4  # unknown parts of a prompt for which something near is sought

_BOUNDARIES = (Part.DETERMINER, Part.COUNT, Part.JOIN, Part.PLACING, Part.BEHIND)
_HEADS = (Part.THING, Part.BACKGROUND)
_MOVING = (Part.MOTION, Part.SPEED)


@lru_cache(maxsize=64)
def read_prompt(text: str, vocabulary: Vocabulary) -> PromptReading:
    """Return what `text` asks for."""
    reader = _PromptReader(vocabulary)
    part: list[Phrase] = []
    wanted, absent = without_negated(find_phrases(text, vocabulary))
    for phrase in wanted:
        if phrase.part in _BOUNDARIES:
            reader.read(part)
            part = []
            reader.begin(phrase)
        elif phrase.part is not Part.FILLER:
            part.append(phrase)
    reader.read(part)
    return reader.reading(text, absent)


@dataclass(slots=True)
class _Found:
    """A thing while its prompt is read."""

    kind: str
    several: bool = False
    size: str = ""
    color: str = ""
    motions: list[str] = field(default_factory=list)
    speed: float = 1.0
    joined: bool = False  # the next thing follows at once, as in "a duck and a car"

    def named(self) -> NamedThing:
        moved = [motion for motion in self.motions if motion != FREE]
        motion = (moved or self.motions or [""])[0]
        return NamedThing(
            kind=self.kind,
            size=self.size,
            color=self.color,
            motion=motion,
            speed=self.speed,
            several=self.several,
        )


class _PromptReader:
    """Reads a prompt, part by part: between articles, conjunctions and prepositions."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._things: list[_Found] = []
        self._background = ""
        self._unknown: list[UnknownPart] = []
        self._early: list[Phrase] = []  # motions before the first thing
        self._placing = False  # the next noun is a place
        self._several = False
        self._adjacent = False  # nothing but a conjunction came after the last thing

    def begin(self, phrase: Phrase) -> None:
        """Note what begins a part."""
        match phrase.part:
            case Part.PLACING:
                self._placing, self._several, self._adjacent = True, False, False
            case Part.JOIN:
                self._placing = self._several = False
                self._adjacent = self._adjacent and phrase.text in ("and", "&", "+")
            case Part.COUNT:
                self._several = True
            case Part.BEHIND:
                self._last_is_a_place()
            case _:
                pass  # what follows is named as it is

    def read(self, part: list[Phrase]) -> None:
        if not part:
            return
        heads = [place for place, phrase in enumerate(part) if phrase.part in _HEADS]
        if heads:
            self._read_known(part, heads)
        elif any(phrase.part is Part.UNKNOWN for phrase in part):
            self._read_unknown(part)
        else:
            self._say_of_all(part)
        self._placing = self._several = False

    def reading(self, text: str, absent: tuple[str, ...]) -> PromptReading:
        things = list(self._things)
        if things:
            self._apply(self._early, things[0])
        for one, other in pairwise(things):
            if one.joined and not one.motions:
                one.motions, one.speed = list(other.motions), other.speed
        distinct = {thing.kind: thing for thing in reversed(things)}
        shown = [thing for thing in things if distinct.get(thing.kind) is thing]
        for thing in shown:
            thing.several |= sum(each.kind == thing.kind for each in things) > 1
        return PromptReading(
            text=text,
            vocabulary=self._vocabulary,
            things=tuple(thing.named() for thing in shown[:MAX_THINGS]),
            surplus=tuple(thing.kind for thing in shown[MAX_THINGS:]),
            background=self._background,
            unknown=tuple(dict.fromkeys(self._unknown)),
            absent=absent,
        )

    def _read_known(self, part: list[Phrase], heads: list[int]) -> None:
        """Read a part with something known: "a red car moving left", "cars grass"."""
        first, last = heads[0], heads[-1]
        before, after = part[:first], part[last + 1 :]
        if self._compound(part[last], after):
            self._read_unknown(part)
            return
        before = self._noun_apart(before)
        for place in heads:
            following = part[place + 1] if place + 1 < len(part) else None
            head = part[place]
            if head.part is Part.BACKGROUND:
                self._set_background(head)
            elif following is not None and following.part is Part.THING:
                self._add("attribute", head.text)  # an apple tree is a tree
            else:
                self._add_thing(head, before)
        middle = [phrase for phrase in part[first:last] if phrase.part not in _HEADS]
        self._say([*middle, *after])
        if after and part[last].part is Part.THING:
            self._adjacent = False

    def _compound(self, head: Phrase, after: list[Phrase]) -> bool:
        """Return whether `head` only describes a noun after it, as the duck of a duck pond."""
        if not after or after[0].part is not Part.UNKNOWN or head.part is not Part.THING:
            return False
        word = after[0].text
        return (is_thing(word) or is_place(word)) and not _is_verb(word)

    def _noun_apart(self, before: list[Phrase]) -> list[Phrase]:
        """Return `before` without an unknown thing in it, as the cat of "cat eats fish"."""
        nouns = [
            place
            for place, phrase in enumerate(before[:-1])
            if phrase.part is Part.UNKNOWN and is_thing(phrase.text)
        ]
        if not nouns:
            return before
        self._read_unknown(before[: nouns[-1] + 1])
        return before[nouns[-1] + 1 :]

    def _add_thing(self, head: Phrase, before: list[Phrase]) -> None:
        if self._things and self._adjacent:
            self._things[-1].joined = True
        thing = _Found(head.value, several=head.several or self._several)
        self._apply(before, thing)
        self._things.append(thing)
        self._adjacent = True

    def _apply(self, phrases: list[Phrase], thing: _Found) -> None:
        """Add attributes and motions before the name of `thing`."""
        for phrase in phrases:
            match phrase.part:
                case Part.MOTION:
                    thing.motions.append(phrase.value)
                case Part.SPEED:
                    thing.speed = float(phrase.value)
                case Part.COLOR if self._vocabulary.colors_of(thing.kind, phrase.value):
                    thing.color = phrase.value
                case Part.SIZE if phrase.value in self._vocabulary.sizes:
                    thing.size = phrase.value
                case Part.COLOR | Part.SIZE | Part.UNKNOWN:
                    self._add("attribute", phrase.text)
                case _:
                    pass  # it says nothing of the thing

    def _set_background(self, head: Phrase) -> None:
        self._adjacent = False
        if self._background and self._background != head.value:
            self._add("background", head.text)
        else:
            self._background = head.value

    def _read_unknown(self, part: list[Phrase]) -> None:
        """Read a part with nothing known: "a black cat running"."""
        self._adjacent = False
        text = _noun(part)
        thing = is_thing(text) and not (self._placing and is_place(text))
        if not thing and (self._placing or is_place(text)):
            self._add("background", text)
        elif _is_verb(text) and self._things:
            self._add("action", text)
        else:
            self._add("thing", text)

    def _say(self, phrases: list[Phrase]) -> None:
        """Add motions, and note unknown actions, of the last thing; keep those before any."""
        moving = [phrase for phrase in phrases if phrase.part in _MOVING]
        if not self._things:
            self._early += moving
        for phrase in phrases:
            if phrase.part in (Part.UNKNOWN, Part.COLOR, Part.SIZE):
                self._add("action" if phrase.part is Part.UNKNOWN else "attribute", phrase.text)
        if self._things:
            self._apply(moving, self._things[-1])

    def _say_of_all(self, part: list[Phrase]) -> None:
        """Add motions that stand alone, as in "a cow beside a pig, standing still"."""
        for thing in [thing for thing in self._things[:-1] if not thing.motions]:
            self._apply([phrase for phrase in part if phrase.part in _MOVING], thing)
        self._say(part)

    def _last_is_a_place(self) -> None:
        if self._unknown and self._unknown[-1].kind == "thing":
            self._add("background", self._unknown.pop().text)

    def _add(self, kind: UnknownKind, text: str) -> None:
        nearest: tuple[str, ...] = ()
        if len(self._unknown) < MAX_COMPARED:
            if kind == "thing":
                nearest = nearest_things(text, self._vocabulary)
            elif kind == "background":
                nearest = nearest_backgrounds(text, self._vocabulary)
        self._unknown.append(UnknownPart(kind, text, nearest))


def _is_verb(word: str) -> bool:
    return word.endswith("ing") and word not in NOUNS_IN_ING.split(", ") and len(word) > len("ring")


def _noun(part: list[Phrase]) -> str:
    """Return the name in a part with nothing known: "cat" of "black cat running"."""
    words: list[str] = []
    for phrase in part:
        moving = phrase.part in (Part.MOTION, Part.SPEED, Part.RELATIVE)
        if words and (moving or (phrase.part is Part.UNKNOWN and _is_verb(phrase.text))):
            break
        if phrase.part in (Part.UNKNOWN, *_HEADS):
            words.append(phrase.text)
    text = " ".join(words)
    colors = [phrase.text for phrase in part if phrase.part is Part.COLOR]
    colored = f"{colors[-1]} {text}" if colors else ""
    return colored if is_place(colored) else text  # a pink wall
