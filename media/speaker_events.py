"""Inputs and outputs of a session about who speaks, and speech that is no turn."""

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


@dataclass(frozen=True, slots=True)
class Backchannel:
    """Somebody said `text` while the service spoke, which is not a turn: "mhm", or a cough."""

    text: str
    start: float
    end: float
