"""Inputs and outputs of a session. All times are media time: seconds since the session started."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from media.dialogue import NO_DIALOGUE, AnswerNotice, CalledFunction, Dialogue
from media.frames import AudioChunk, Gap, VideoFrame
from media.generation_events import GenerationInput, GenerationOutput
from media.hearing_events import HearingOutput, Translate
from media.speaker_events import Backchannel, NameSpeaker, Speakers
from models.assistant.interface import Moment


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
class Question:
    """A question about the video up to `time`; with `spoken` it is also answered as speech.

    With `pictures`, which are image files, it is about these instead.
    """

    id: str
    text: str
    time: float
    spoken: bool = False
    pictures: tuple[bytes, ...] = ()
    dialogue: Dialogue = NO_DIALOGUE


@dataclass(frozen=True, slots=True)
class Announce:
    """Send `text` as the answer `id` without asking a model: a standing request was met."""

    id: str
    text: str
    time: float
    spoken: bool = False
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop answering question `id`, or all questions if it is None."""

    id: str | None = None


AnswerStatus = Literal["streaming", "completed", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A piece of the answer to question `id`; only the last has a status other than streaming.

    `stand_in` means that a placeholder answered instead of a model. The last piece says how sure
    the model is of the whole answer: `confidence` in [0, 1], or None if it does not know. If the
    answer failed, `reason` says why, and what to do.
    """

    id: str
    text: str
    time: float
    status: AnswerStatus = "streaming"
    stand_in: bool = False
    confidence: float | None = field(default=None, compare=False)
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A piece of the answer to question `id` as speech; `chunk.start` counts from its start.

    The last one has no chunk and a status other than streaming.
    """

    id: str
    chunk: AudioChunk | None
    status: AnswerStatus = "streaming"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A moment was stored in memory; `picture` is a thumbnail of it as a JPEG file."""

    moment: Moment
    picture: bytes | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The moments that the answer to question `id` is based on, in order of time.

    `read` is the number of prompt tokens that the model reads, 0 without a model. `scope` is the
    part of the stream that it is shown: `now`, `past`, `both` or `none`; empty if it does not
    depend on the question. A later one replaces it: the model looked for more, or another answers.
    """

    id: str
    moments: tuple[Moment, ...]
    read: int = 0
    scope: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """The relevance of each part of the frame at `time`: float32 (rows, columns) in [0, 1].

    `about` is the query that it is relevant to, or empty. `confidence` is how sure the model is of
    what the frame shows, in [0, 1], or None if it does not say.
    """

    time: float
    values: NDArray[np.float32]
    about: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RequestMet:
    """The standing request `request` was met; `text` is the announcement."""

    request: str
    text: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class StandingRequests:
    """The current standing requests, in the user's words."""

    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """Something failed and the session continues without it; `message` says what to do."""

    message: str


Input = (
    VideoFrame
    | AudioChunk
    | Question
    | Announce
    | Cancel
    | Commit
    | Clear
    | AudioPaused
    | Gap
    | ListeningConfig
    | NameSpeaker
    | GenerationInput
)
VisionOutput = Remembered | Relevance | RequestMet | StandingRequests | Degraded
AnswerOutput = Evidence | Answer | CalledFunction | AnswerNotice
Output = (
    Caption
    | Speakers
    | HearingOutput
    | Backchannel
    | TurnStarted
    | TurnEnded
    | AnswerOutput
    | Speech
    | Gap
    | VideoFrame
    | VisionOutput
    | GenerationOutput
)
