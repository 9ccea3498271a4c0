"""What answers questions: the packaged assistant here, or another model behind the same interface.

A question and the memory that it is about go in; text, calls of the client's functions and other
outputs come out as they are made.
"""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from media.dialogue import AnswerNotice, CalledFunction, DialogueTurn
from media.errors import MediaError
from media.events.answers import Evidence, Question
from media.events.generation import DrawRequest
from media.images.decoder import ImageDecoder
from media.pipeline.models.answering import AnswerHandle, AssistantHandle, AssistantServer
from media.servers.urgency import Urgency
from models.assistant.interface import Exchange, Moment

AnswerItem = str | CalledFunction | Evidence | AnswerNotice | DrawRequest


class AnswerFailedError(MediaError):
    """A model cannot answer; the message says to the user why, and what to do."""


class AnswerStream(Protocol):
    """One answer, made while it is iterated; `moments` are those that it starts from.

    A piece of text may be empty. Iteration raises `AnswerFailedError` if there is no answer, or no
    rest of it. Whoever iterates it closes it.
    """

    moments: tuple[Moment, ...]
    prompt_tokens: int
    scope: str  # see `Evidence`
    language: str  # code of that of the text

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> AnswerItem: ...

    def stop(self) -> None:
        """End the answer where it is, even while the next item is awaited."""

    async def aclose(self) -> None:
        """Free what the answer holds."""

    def confidence(self) -> float | None:
        """Return how sure the model is of the text that was read, in [0, 1], if it says so."""

    async def locate(self) -> NDArray[np.float32] | None:
        """Return where in the newest frame the subject of the answer is, as a relevance map."""


class Answerer(Protocol):
    """Answers questions for all sessions.

    `about` is a description for users. What is `outside` takes the conversation into account and
    answers without video, too; that is its name, None if the assistant answers. With `tools` it
    calls functions of the client.
    """

    about: str
    outside: str | None
    tools: bool

    async def answer(self, question: Question, memory: AssistantHandle | None) -> AnswerStream:
        """Answer from `memory` as it is now, or from the question's pictures.

        Raises:
            UnreadableMediaError: a picture cannot be read.
        """
        ...


class PackagedAnswerer:
    """The assistant that watches answers, too; of a conversation it reads what was said before."""

    outside: str | None = None
    tools = False

    def __init__(self, assistant: AssistantServer, images: ImageDecoder) -> None:
        self.images = images
        self.about = assistant.model.about
        self._assistant = assistant

    async def answer(self, question: Question, memory: AssistantHandle | None) -> AnswerHandle:
        """Answer as `Answerer.answer`."""
        if question.pictures or memory is None:
            return await self._answer_about_images(question)
        conversation = exchanges(question.dialogue.before)
        return await memory.answer(question.text, question.time, conversation)

    async def _answer_about_images(self, question: Question) -> AnswerHandle:
        """Return the answer about image files, taken as a stream of one a second.

        It has no moments, as the files are not part of a session. Without a file it says that
        nothing was seen.
        """
        memory = await self._assistant.open(None)
        time = 0.0
        for number, file in enumerate(question.pictures):
            time = float(number)
            pixels = await self.images.read(file)
            await memory.analyze_frame(pixels, time, Urgency.ANSWER)
        await memory.read_text(question.text, time)
        answer = await memory.answer(question.text, time, exchanges(question.dialogue.before))
        answer.moments = ()
        return answer


def exchanges(turns: Sequence[DialogueTurn]) -> tuple[Exchange, ...]:
    """Return what the user said in `turns`, each with all that was answered to it."""
    found: list[Exchange] = []
    for turn in turns:
        if turn.role == "user":
            found.append(Exchange(turn.text, ""))
        elif turn.role == "assistant" and turn.text and found:
            last = found.pop()
            found.append(Exchange(last.question, f"{last.answer} {turn.text}".strip()))
    return tuple(found)
