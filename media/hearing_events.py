"""Outputs of a session about hearing: languages and translations, and what became of turns."""

from dataclasses import dataclass
from typing import Literal

Translate = Literal["no", "end", "live"]  # when turns in other languages are


@dataclass(frozen=True, slots=True)
class Translation:
    """The English text of a turn in another language, as far as it was translated.

    A later one with the same `turn` replaces it: `stable` stays its beginning, and `tentative`
    after that may change. The `final` one is the last, and all of it is stable.
    """

    turn: int
    stable: str
    tentative: str
    language: str
    final: bool

    @property
    def text(self) -> str:
        return (self.stable + self.tentative).strip()


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """Turn `turn` is in `language`, with `probability` among those that may be detected.

    If that was too low, `language` is the one of the turn before it.
    """

    turn: int
    language: str
    probability: float


@dataclass(frozen=True, slots=True)
class HearingNotice:
    """What the user should know about the captions: which model they are by, and why."""

    message: str


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A `Commit` was processed: it ended `turn`, or none if `samples`, all there were, are few."""

    turn: int | None
    samples: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """A `Clear` was processed: the turn in progress, if any, has no end and no final caption."""


HearingOutput = Translation | LanguageDetected | HearingNotice | CommitResult | Cleared
