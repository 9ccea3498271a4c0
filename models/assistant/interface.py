"""The values that a video assistant gives to a session, independent of the model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

NOTHING_YET = "I have not seen anything yet."


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen at `time`, in seconds, as text; `number` is unique within the stream."""

    number: int
    time: float
    text: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier turn of the conversation: what the user said, and the answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class MetRequest:
    """A standing request whose condition is met; `text` is the message to the user.

    `request` is the request in the user's words, `language` the code of the language of `text`.
    """

    request: str
    text: str
    moment: Moment
    language: str = "en"


@dataclass(frozen=True, slots=True)
class StorageProblem:
    """Why a memory is not stored as it should be.

    If `forgotten`, the frame is not remembered at all. Otherwise new moments are in RAM only, and
    would be lost with the process.
    """

    forgotten: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class FrameAnalysis:
    """The result of analyzing one frame.

    `remembered` are the moments that were stored, in order of time. `relevance` is float32
    (rows, columns) in [0, 1], or None if unknown: where `relevance_topic` was seen, or, if that
    is empty, the main thing. `confidence` is how sure the model is of what the frame shows, in
    [0, 1], or None if it does not say. `bodies` is whether `glance` would tell more, see `Glances`.
    `degraded` says what could not be done at all, and why.
    """

    remembered: tuple[Moment, ...] = ()
    met_requests: tuple[MetRequest, ...] = ()
    relevance: NDArray[np.float32] | None = None
    relevance_topic: str = ""
    confidence: float | None = None
    problem: StorageProblem | None = None
    bodies: bool = False
    degraded: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class AssistantAnswer:
    """An answer: `pieces` of text as they are generated, and the moments it is based on.

    A piece is empty if only a part of a long prompt was read: others get their turn then.
    `moments` are in order of time. `prompt_tokens` counts the tokens that the model reads,
    memory included; it is 0 for answers without a model. `scope` is the part of the stream that it
    is shown (`models.assistant.understanding.wanted.Scope`), empty if that does not depend on the
    question. `confidence` says how sure the model is of the pieces that were read so far, in
    [0, 1], or None if it does not know. `locate` says where in the newest frame the subject of
    the answer is, as a relevance map like that of `FrameAnalysis`, or None; it may take as long as
    an answer. `language` is the code of the language of the pieces.
    """

    pieces: Iterator[str]
    moments: tuple[Moment, ...] = ()
    prompt_tokens: int = 0
    confidence: Callable[[], float | None] = lambda: None
    locate: Callable[[], NDArray[np.float32] | None] = lambda: None
    scope: str = ""
    language: str = "en"


class LooksTogether(Protocol):
    """An assistant that analyzes frames of up to `max_looks` streams at once."""

    max_looks: int

    def analyze_frames(
        self, states: Sequence[Any], frames: Sequence[tuple[NDArray[np.uint8], float]]
    ) -> Sequence[tuple[Any, FrameAnalysis]]:
        """Analyze a frame, and its time, of each stream.

        If it raises, no state has changed.
        """
        ...


class Glances(Protocol):
    """An assistant that follows bodies between two analyses of frames."""

    def glance(self, state: Any, pixels: NDArray[np.uint8], time: float) -> None:
        """Look at the bodies in a frame, and at nothing else."""
        ...


class ReadsText(Protocol):
    """An assistant that reads text in what it saw."""

    def read_text(self, state: Any, question: str, time: float) -> Iterator[FrameAnalysis | None]:
        """Read what is needed to answer `question`, or, if it is empty, for standing requests.

        Yields None after each step, so that others may run in between, and at the end what came of
        it, if anything was read.
        """
        ...


def read_at_once(assistant: object, state: Any, question: str, time: float) -> None:
    """Let `assistant` read what it needs to answer `question`, if it reads text."""
    if hasattr(assistant, "read_text"):
        for _ in cast("ReadsText", assistant).read_text(state, question, time):
            pass


class ListensFor(Protocol):
    """An assistant that tells what is said to it from what it overhears."""

    def expects_answer(self, text: str, conversation: Sequence[Exchange]) -> bool:
        """Return whether somebody who says `text` expects an answer after `conversation`."""
        ...


class AnswersTogether(Protocol):
    """An assistant that generates the next pieces of up to `max_answers` answers at once."""

    max_answers: int

    def next_pieces(self, answers: Sequence[AssistantAnswer]) -> Sequence[str | None]:
        """Return the next piece of each answer, or None if it is complete.

        If it raises, no answer has changed.
        """
        ...


def next_pieces(assistant: object, answers: Sequence[AssistantAnswer]) -> Sequence[str | None]:
    """Return the next piece of each answer: at once if `assistant` can, else one by one."""
    if len(answers) > 1 and hasattr(assistant, "next_pieces"):
        return cast("AnswersTogether", assistant).next_pieces(answers)
    return [next(answer.pieces, None) for answer in answers]
