"""What a prompt asks for: things with their attributes and motions, on a background.

`PromptReading.caption` says what will be drawn, and `trained_caption` says it in the words of the
captions that the model was trained with, so nothing else is drawn.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from models.generation.small.prompts.vocabulary import Vocabulary, with_article

FREE = "free"  # motion without a direction
CAPTION_MOTIONS = {
    "left": "moving left",
    "right": "moving right",
    "up": "rising",
    "down": "sinking",
    "circle": "circling",
    "bounce": "bouncing",
    "wave": "swaying",
    "still": "resting",
}
MOTIONS = tuple(CAPTION_MOTIONS)  # with a path of their own

UnknownKind = Literal["thing", "background", "attribute", "action"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedThing:
    """A thing to draw: its usual name, and what the prompt says of it.

    `size`, `color` and `motion` are empty if it says nothing. `several`: it names more than one.
    """

    kind: str
    size: str = ""
    color: str = ""
    motion: str = ""
    speed: float = 1.0
    several: bool = False


@dataclass(frozen=True, slots=True)
class UnknownPart:
    """Words that a model cannot draw, and the names of what it can draw that is nearest."""

    kind: UnknownKind
    text: str
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReading:
    """What a prompt asks for: `things` in its order, of which the first two are drawn.

    `background` is empty if no known one is named; then `default_background` is drawn.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)
    things: tuple[NamedThing, ...] = ()
    surplus: tuple[str, ...] = ()  # known things that are left out: only `MAX_THINGS` are drawn
    background: str = ""
    unknown: tuple[UnknownPart, ...] = ()
    absent: tuple[str, ...] = ()  # words of what is not to be drawn, as in "no cat"

    @property
    def drawable(self) -> bool:
        """Whether the model knows a thing of the prompt."""
        return bool(self.things)

    @property
    def default_background(self) -> str:
        grounds = self.vocabulary.grounds
        return grounds[0] if grounds else ""

    @property
    def ground(self) -> str:
        """The background that is drawn."""
        return self.background or self.default_background

    @property
    def caption(self) -> str:
        """What is drawn, as users are told."""
        shown = " and ".join(_caption(thing, self.vocabulary.mark) for thing in self.things)
        return f"{shown} on {self.ground}" if self.ground else shown

    @property
    def trained_caption(self) -> str:
        """What is drawn, in the words of training: of pictures of the user's own it says nothing.

        Of these the model has only the looks; another name would draw something else into them.
        """
        own, mark = self.vocabulary.own_things, self.vocabulary.mark
        named = [replace(thing, kind="") if thing.kind in own else thing for thing in self.things]
        shown = " and ".join(_caption(thing, mark) for thing in named)
        if self.ground in ("", *self.vocabulary.own_backgrounds):
            return shown
        return f"{shown} on {self.ground}"


def _caption(thing: NamedThing, mark: str) -> str:
    words = " ".join(word for word in (thing.size, thing.color, thing.kind) if word)
    named = with_article(words) + mark if words else "a"
    motion = CAPTION_MOTIONS.get(thing.motion)
    return f"{named} {motion}" if motion else named
