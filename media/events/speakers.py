"""Events about who speaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NameSpeaker:
    """The speaker with number `speaker` has this `name`; none, if it is empty."""

    speaker: int
    name: str


@dataclass(frozen=True, slots=True)
class TurnSpeakers:
    """The speakers of the words of a final caption are others than was said: a number for each."""

    turn: int
    speakers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who speaks: numbers and `names`; those of earlier captions may be `corrected`."""

    names: tuple[tuple[int, str], ...]
    corrected: tuple[TurnSpeakers, ...] = ()
