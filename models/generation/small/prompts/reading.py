"""What a prompt asks for: things with their attributes and motions, on a background.

`PromptReading.caption` says what will be drawn in the words of the captions that the model was
trained with, so nothing else is drawn.
"""

from dataclasses import dataclass, field
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
    def caption(self) -> str:
        """What is drawn, in the words of the captions of training."""
        shown = " and ".join(_caption(thing, self.vocabulary.mark) for thing in self.things)
        ground = self.background or self.default_background
        return f"{shown} on {ground}" if ground else shown


def _caption(thing: NamedThing, mark: str) -> str:
    words = (thing.size, thing.color, thing.kind)
    named = with_article(" ".join(word for word in words if word)) + mark
    motion = CAPTION_MOTIONS.get(thing.motion)
    return f"{named} {motion}" if motion else named
