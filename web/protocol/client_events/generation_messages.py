"""The service's own client events: they control video generation, and name speakers.

They have no unknown fields.

The settable limits (characters, points) are checked in web.protocol.generation.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.generation.chunk_request import MAX_THINGS
from models.generation.own_look import LookRole
from models.speakers.names import MAX_NAME
from web.protocol.client_events.message import ClientMessage

MAX_BLENDED_PROMPTS = 2
MAX_STEPS = 8
MAX_POINTS = 10_000  # of a message, whatever the setting: bounds the work of checking them
MAX_SPEAKER = 1000  # the highest number of a speaker, whatever the setting
MAX_SEED = 2**53 - 1  # the largest whole number that JavaScript keeps exactly

UnitFloat = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class EyelineMessage(ClientMessage):
    """A client event of the service's own; it has no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SpeakerName(EyelineMessage):
    """Gives a speaker a name; an empty one takes it back."""

    type: Literal["eyeline.speaker.name"]
    speaker: int = Field(ge=1, le=MAX_SPEAKER)
    name: str = Field(max_length=MAX_NAME)


class WeightedPrompt(BaseModel):
    """One of the prompts to blend; weights are relative to each other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    weight: float = Field(1.0, ge=0, le=1e6, allow_inf_nan=False)


class PromptSet(EyelineMessage):
    """Sets the prompt: one `text`, or a `blend` of several."""

    type: Literal["eyeline.prompt.set"]
    text: str | None = None
    blend: list[WeightedPrompt] | None = Field(None, min_length=1, max_length=MAX_BLENDED_PROMPTS)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.text is None) == (self.blend is None):
            raise ValueError("expected either `text` or `blend`")
        if self.blend is not None and not any(prompt.weight for prompt in self.blend):
            raise ValueError("expected a weight above 0 in `blend`")
        return self


class LookSet(EyelineMessage):
    """Sets a picture of the user's own, which prompts name: a file as base64 or as a data URL.

    What is not the thing is cut away, unless `whole`. `faces` is where the thing looks in it.
    """

    type: Literal["eyeline.look.set"]
    name: str
    image: str
    role: LookRole = "thing"
    whole: bool = False
    faces: Literal["left", "right"] | None = None


class LookDelete(EyelineMessage):
    """Deletes a picture of the user's own."""

    type: Literal["eyeline.look.delete"]
    name: str


class Point(BaseModel):
    """A position from the left and the top of the picture; `t` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: UnitFloat
    y: UnitFloat
    t: float | None = Field(None, ge=0, le=86_400, allow_inf_nan=False)


class TrackAppend(EyelineMessage):
    """Adds points to the track of a thing; all points of a message have times, or none has."""

    type: Literal["eyeline.track.append"]
    thing: int = Field(0, ge=0, lt=MAX_THINGS)
    points: list[Point] = Field(min_length=1, max_length=MAX_POINTS)


class TrackClear(EyelineMessage):
    """Clears the track of `thing`, or all tracks."""

    type: Literal["eyeline.track.clear"]
    thing: int | None = Field(None, ge=0, lt=MAX_THINGS)


class GenerationUpdate(EyelineMessage):
    """Changes the generation settings that it names."""

    type: Literal["eyeline.generation.update"]
    enabled: bool | None = None
    sampler: str | None = None
    steps: int | None = Field(None, ge=1, le=MAX_STEPS)
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    source: Literal["none", "camera"] | None = None
    strength: UnitFloat | None = None
    paused: bool | None = None
    pictures: bool | None = None
    step: bool = False
    reset: bool = False
