"""Answers of a model that may fail, and then of the packaged one."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from media.dialogue import AnswerNotice
from media.events.answers import Evidence, Question
from media.pipeline.models.answerer import (
    AnswerFailedError,
    AnswerItem,
    AnswerStream,
    PackagedAnswerer,
    exchanges,
)
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.errors import AnswerStoppedError, OutsideError
from media.pipeline.outside.patience import StoppableWait
from models.assistant.interface import Moment
from models.assistant.phrasebook.conversation import language_of

logger = logging.getLogger(__name__)

TOO_LONG = "the answer was cut off: it is longer than EYELINE_ANSWERS_LENGTH"
BROKEN_OFF = "... "  # between the beginning of an answer and that of another model


class AnswerWithFallback:
    """One answer, which ends at once when it is stopped.

    `wrote` is whether there is text of it. Without a `fallback` it fails where the model does. A
    model that writes on after `max_text` characters is cut off there.
    """

    def __init__(
        self,
        question: Question,
        memory: AssistantHandle | None,
        moments: tuple[Moment, ...],
        fallback: PackagedAnswerer | None,
        *,
        max_text: int,
        scope: str = "",
    ) -> None:
        self.question = question
        self.memory = memory
        self.moments = moments
        self.prompt_tokens = 0
        self.scope = scope
        before = exchanges(question.dialogue.before)
        self.language = language_of(question.text, before)  # that of the answer is not known
        self.waits = StoppableWait()
        self.wrote = False
        self._fallback = fallback
        self._room = max_text
        self._packaged: AnswerStream | None = None
        self._items = self._make()

    def _converse(self) -> AsyncGenerator[AnswerItem, None]:
        """Yield the model's answer.

        Raises:
            OutsideError: there is none, or no rest of it.
            AnswerStoppedError: `waits` was stopped.
        """
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnswerItem:
        return await anext(self._items)

    def stop(self) -> None:
        """End the answer where it is."""
        self.waits.stop()

    async def aclose(self) -> None:
        """Close what the answer has open."""
        await self._items.aclose()

    def confidence(self) -> float | None:
        """Return the packaged model's confidence, if that answers; others tell none."""
        return None if self._packaged is None else self._packaged.confidence()

    async def locate(self) -> None:
        """Return None: other models say nothing about places in the picture."""

    async def _make(self) -> AsyncGenerator[AnswerItem, None]:
        try:
            async with aclosing(self._converse()) as items:
                async for item in items:
                    yield self._fitting(item)
                    if self._room < 0:
                        yield AnswerNotice(self.question.id, TOO_LONG)
                        return
        except AnswerStoppedError:
            return
        except OutsideError as error:
            logger.warning("a model did not answer: %s", error)
            if self._fallback is None:
                raise AnswerFailedError(str(error)) from error
            message = f"{error}; the packaged model answers instead"
            yield AnswerNotice(self.question.id, message)
            async with aclosing(self._answer_here(self._fallback)) as items:
                async for item in items:
                    yield item

    def _fitting(self, item: AnswerItem) -> AnswerItem:
        """Return the item as far as there is room for it; empty text takes some, too."""
        if not isinstance(item, str):
            return item
        fitting = item[: self._room]
        self.wrote = self.wrote or bool(fitting)
        self._room -= max(1, len(item))
        return fitting

    async def _answer_here(self, fallback: PackagedAnswerer) -> AsyncGenerator[AnswerItem, None]:
        """Yield the packaged model's answer, after what there is of the other."""
        answer = await fallback.answer(self.question, self.memory)
        self._packaged, self.language = answer, answer.language
        yield Evidence(self.question.id, answer.moments, answer.prompt_tokens, answer.scope)
        if self.wrote:
            yield BROKEN_OFF
        async for piece in answer:
            yield piece
