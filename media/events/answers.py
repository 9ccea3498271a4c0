"""Events of answers: questions, what they are based on, text and speech."""

from dataclasses import dataclass, field
from typing import Literal

from media.dialogue import NO_DIALOGUE, AnswerNotice, CalledFunction, Dialogue
from media.frames import AudioChunk
from models.assistant.interface import Moment


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the video up to `time`; with `spoken` it is also answered as speech.

    With `pictures`, which are image files, it is about these instead. Speech of the user interrupts
    the answer, unless somebody outside the conversation asked. It is `overheard` if it is whatever
    was said in a turn: the answer to a remark may be empty.
    """

    id: str
    text: str
    time: float
    spoken: bool = False
    pictures: tuple[bytes, ...] = ()
    dialogue: Dialogue = NO_DIALOGUE
    outside: bool = False
    overheard: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """Send `text` as the answer `id` without asking a model: a standing request was met."""

    id: str
    text: str
    time: float
    spoken: bool = False
    moments: tuple[Moment, ...] = ()
    language: str = "en"


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
    answer failed, `reason` says why, and what to do. `language` is the code of that of the text.
    """

    id: str
    text: str
    time: float
    status: AnswerStatus = "streaming"
    stand_in: bool = False
    confidence: float | None = field(default=None, compare=False)
    reason: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A piece of the answer to question `id` as speech; `chunk.start` counts from its start.

    The last one has no chunk and a status other than streaming.
    """

    id: str
    chunk: AudioChunk | None
    status: AnswerStatus = "streaming"


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


AnswerOutput = Evidence | Answer | CalledFunction | AnswerNotice
