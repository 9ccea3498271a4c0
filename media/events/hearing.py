"""Events of hearing: captions, turns, languages, translations, and how the session listens."""

from dataclasses import dataclass, field
from typing import Literal

Translate = Literal["no", "end", "live"]  # when turns in other languages are


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """One word of a caption, said by `speaker` (0 is unknown); `text` keeps its leading space."""

    text: str
    start: float
    end: float
    speaker: int = 0


@dataclass(frozen=True, slots=True)
class Caption:
    """The transcript of one turn; a later caption with the same `turn` replaces it.

    The first `stable` words stay the same until the `final` caption, which may correct them and is
    the last. A final caption without words means that the turn had no speech. `heard` is the media
    time up to which audio was transcribed: `heard - words[-1].end` is the caption's delay without
    the time to compute it. `language` is a code. A final caption that is `translated` is followed
    by the final `Translation` of its turn.
    """

    turn: int
    words: tuple[CaptionWord, ...]
    stable: int
    start: float
    end: float
    heard: float
    final: bool
    language: str = "en"
    translated: bool = False

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).strip()


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn started at `time`.

    `detected` is true if the voice activity detector heard speech, and false if all audio belongs
    to the turn that a client commits.
    """

    turn: int
    time: float
    detected: bool = True


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn ended; its final caption follows.

    `detected` is true if silence or the end of the audio ended it, and false if a client did.
    """

    turn: int
    start: float
    end: float
    detected: bool


Eagerness = Literal["low", "medium", "high", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetection:
    """When a turn starts and ends, by voice activity.

    `threshold` is the speech probability in (0, 1) that starts a turn; `silence` seconds
    without speech end it; `padding` seconds before its start belong to it. With an `eagerness`
    the words decide how much silence that takes, and brief speech that is no more than
    agreement does not interrupt the service.
    """

    threshold: float = 0.5
    silence: float = 0.5
    padding: float = 0.3
    eagerness: Eagerness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningConfig:
    """How to listen, from this position in the stream on.

    Speech is in `language`, a code, or in one that is detected for each turn if it is "auto". What
    is not English is also translated to it: with "live" while it is spoken, with "end" once.
    Without `detection` all audio belongs to one turn until a `Commit`. With `interrupt` the start
    of a turn cancels answers in progress. With `respond` the session asks the final caption of a
    turn as a `Question`, as recordings may; `spoken` is for those questions. A client's questions
    come from the Realtime protocol instead. With `speakers` voices are told apart.
    """

    detection: TurnDetection | None = field(default_factory=TurnDetection)
    respond: bool = False
    interrupt: bool = True
    spoken: bool = False
    speakers: bool = True
    language: str = "en"
    translate: Translate = "no"


@dataclass(frozen=True, slots=True)
class Commit:
    """End the turn here, regardless of the detector: a `CommitResult` follows."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Discard the audio that is not committed: `Cleared` follows."""


@dataclass(frozen=True, slots=True)
class AudioPaused:
    """No audio has come for a while: a detected turn ends where the audio does.

    A session has no clock that ends turns, so that a replay of its inputs has the same turns.
    """


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


@dataclass(frozen=True, slots=True)
class Backchannel:
    """Somebody said `text` while the service spoke, which is not a turn: "mhm", or a cough."""

    text: str
    start: float
    end: float
