"""The messages of clients that steer what is drawn: the service's own, so every field is checked.

What may be said at most (characters, points) is the service's setting: web.protocol.generation.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.generation.chunk_request import MAX_THINGS
from web.protocol.message import Message

PROMPTS = 2  # that can be blended
STEPS = 8
MOST_POINTS = 10_000  # of a message, whatever the setting says: each is checked
LARGEST_SEED = 2**53 - 1  # whole numbers that JavaScript keeps

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class OwnMessage(Message):
    """A field that is not known is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WeighedText(BaseModel):
    """One of the prompts that are blended; weights are relative to each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    weight: float = Field(1.0, ge=0, le=1e6, allow_inf_nan=False)


class PromptSet(OwnMessage):
    """What is drawn from now on: `text`, or several of them blended."""

    type: Literal["eyeline.prompt.set"]
    text: str | None = None
    blend: list[WeighedText] | None = Field(None, min_length=1, max_length=PROMPTS)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.text is None) == (self.blend is None):
            raise ValueError("expected either `text` or `blend`")
        if self.blend is not None and not any(part.weight for part in self.blend):
            raise ValueError("expected a weight above 0 in `blend`")
        return self


class Point(BaseModel):
    """A place in the picture, from its left and from its top; `t` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: Share
    y: Share
    t: float | None = Field(None, ge=0, le=86_400, allow_inf_nan=False)


class TrackAppend(OwnMessage):
    """Where a thing goes next; all points of a message have times, or none has."""

    type: Literal["eyeline.track.append"]
    thing: int = Field(0, ge=0, lt=MAX_THINGS)
    points: list[Point] = Field(min_length=1, max_length=MOST_POINTS)


class TrackClear(OwnMessage):
    """Forget where `thing` was to go, or all things."""

    type: Literal["eyeline.track.clear"]
    thing: int | None = Field(None, ge=0, lt=MAX_THINGS)


class GenerationUpdate(OwnMessage):
    """How to draw: changes what it names and leaves the rest."""

    type: Literal["eyeline.generation.update"]
    enabled: bool | None = None
    sampler: str | None = None
    steps: int | None = Field(None, ge=1, le=STEPS)
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED)
    source: Literal["none", "camera"] | None = None
    strength: Share | None = None
    paused: bool | None = None
    pictures: bool | None = None
    step: bool = False
    reset: bool = False
