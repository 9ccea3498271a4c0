"""What is said about media. Every time is media time: seconds since the session began."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from media.frames import AudioChunk, VideoFrame
from media.generation_events import GenerationInput, GenerationOutput
from models.assistant.interface import Moment


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """One word of a caption; `text` keeps its leading space."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Caption:
    """Recognised speech of one turn; a later caption with the same `turn` replaces it.

    The first `stable` words stay until the `final` caption, which may correct them; after it
    nothing changes. A final caption with no words says that the turn held no speech. `heard` is
    the media time up to which sound had been heard when the caption was made:
    `heard - words[-1].end` is the caption's delay without the time to compute it.
    """

    turn: int
    words: tuple[CaptionWord, ...]
    stable: int
    start: float
    end: float
    heard: float
    final: bool

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).strip()


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """Somebody began to speak at `time`."""

    turn: int
    time: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over and its sound complete; its final caption follows.

    `detected` tells a turn that the voice activity detector ended from one that a client
    committed.
    """

    turn: int
    start: float
    end: float
    detected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetection:
    """When a turn begins and ends, by voice activity.

    `threshold` is the speech probability in (0, 1) that starts a turn; `silence` seconds
    without speech end it; `padding` seconds before its start belong to it.
    """

    threshold: float = 0.5
    silence: float = 0.5
    padding: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningConfig:
    """How to listen from now on: an input that takes effect where it stands in the stream.

    Without `detection` all sound belongs to one turn until a `Commit`. With `respond` the
    final caption of a turn becomes a `Question`; `interrupt` lets the start of a turn cancel
    the answers in progress; `spoken` asks for those answers as speech too.
    """

    detection: TurnDetection | None = field(default_factory=TurnDetection)
    respond: bool = False
    interrupt: bool = True
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """End the turn here, whatever the detector thinks."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget the sound of the turn in progress."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about what was seen up to `time`; `spoken` asks for speech beside the text.

    With `pictures`, files of JPEG, PNG or WebP, it is about these instead.
    """

    id: str
    text: str
    time: float
    spoken: bool = False
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Announce:
    """Say `text` as the answer `id`, without thinking: what a standing request asked for."""

    id: str
    text: str
    time: float
    spoken: bool = False
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop answering question `id`, or every question where it is None."""

    id: str | None = None


AnswerStatus = Literal["streaming", "completed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A piece of the answer to question `id`; the last one has another status than streaming.

    `stand_in` says that no model answered.
    """

    id: str
    text: str
    time: float
    status: AnswerStatus = "streaming"
    stand_in: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A piece of the answer to question `id` as sound; `chunk.start` counts from its beginning.

    The last one has no chunk and another status than streaming.
    """

    id: str
    chunk: AudioChunk | None
    status: AnswerStatus = "streaming"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A moment went into memory; `picture` is a small JPEG file of it."""

    moment: Moment
    picture: bytes | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The moments that the answer to question `id` is made from, in order of time.

    `read` is how many tokens the model reads for it; 0 where no model is asked.
    """

    id: str
    moments: tuple[Moment, ...]
    read: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """How much each part of the picture at `time` matters: float32 (rows, columns) in [0, 1].

    `about` names what it was looked at for; it is empty where nobody asked.
    """

    time: float
    values: NDArray[np.float32]
    about: str


@dataclass(frozen=True, slots=True)
class RequestMet:
    """What the standing request `request` waits for has come; `text` says so."""

    request: str
    text: str
    moment: Moment


@dataclass(frozen=True, slots=True)
class StandingRequests:
    """The requests that stand now, in the words in which they were made."""

    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """Something does not work and the session goes on without it; `message` says what to do."""

    message: str


Input = (
    VideoFrame
    | AudioChunk
    | Question
    | Announce
    | Cancel
    | Commit
    | Clear
    | ListeningConfig
    | GenerationInput
)
VisionOutput = Remembered | Evidence | Relevance | RequestMet | StandingRequests | Degraded
Output = (
    Caption
    | TurnStarted
    | TurnEnded
    | Answer
    | Speech
    | VideoFrame
    | VisionOutput
    | GenerationOutput
)
