"""Questions to answers, one after another, while the vision stage goes on looking."""

import re
from contextlib import aclosing
from dataclasses import dataclass

from media.channel import Channel
from media.delays import Histogram
from media.errors import UnreadableMediaError
from media.events.answers import Announce, Answer, AnswerStatus, Evidence, Question
from media.events.vision import Relevance
from media.pipeline.context import SessionContext
from media.pipeline.models.answerer import AnswerFailedError, AnswerItem, AnswerStream
from media.pipeline.models.answering import AnswerHandle, AssistantHandle

WORD_BOUNDARY = re.compile(r"(?<=\S)(?=\s)")
WORD_INTERVAL = 0.03  # seconds between the words of a ready answer: as a small model writes


@dataclass(frozen=True, slots=True, eq=False)
class PendingQuestion:
    """A question about `memory`; `answer` is set if it is known already."""

    question: Question | Announce
    memory: AssistantHandle
    answer: AnswerHandle | None = None


class AnswerStage:
    """Sends the answers to questions, and passes spoken ones on to `answers`."""

    def __init__(self, context: SessionContext, answers: Channel[Answer]) -> None:
        self._context = context
        self._answers = answers
        self._language = "en"  # of the answer in work

    async def run(self, questions: Channel[PendingQuestion]) -> None:
        """Answer until `questions` ends."""
        async for pending in questions:
            await self.answer(pending)

    async def answer(self, pending: PendingQuestion) -> None:
        """Send the pieces of the answer as they come, until the last or a cancellation."""
        question, questions = pending.question, self._context.questions
        self._observe_wait(question, self._context.counters.delays.answer_start)
        answer = await self._begin_answer(pending)
        self._language = answer.language
        async with aclosing(answer):
            questions.on_cancel(question.id, answer.stop)
            evidence = Evidence(question.id, answer.moments, answer.prompt_tokens, answer.scope)
            await self._context.send(evidence)
            status, reason = await self._send_items(question, answer)
            await self._send(question, "", status, answer.confidence(), reason)
            if not question.spoken:
                questions.close(question.id)
            if status == "completed":
                await self._locate(question, answer)

    async def _begin_answer(self, pending: PendingQuestion) -> AnswerStream:
        """Return the answer; its pieces are generated when they are read."""
        question, services = pending.question, self._context.services
        if isinstance(question, Announce):
            return services.assistant.ready_answer(
                question.text, question.moments, question.language
            )
        if pending.answer is not None:
            return pending.answer
        try:
            return await services.answerer.answer(question, pending.memory)
        except UnreadableMediaError as error:
            return services.assistant.ready_answer(f"I cannot look at that: {error}")

    async def _send_items(
        self, question: Question | Announce, answer: AnswerStream
    ) -> tuple[AnswerStatus, str]:
        """Send what the model makes; return how the answer ended, and why if it failed."""
        cancelled = self._context.questions.cancelled
        begun = False
        try:
            while not cancelled(question.id):  # perhaps before the first piece
                item = await anext(answer, None)
                self._language = answer.language  # another model may have taken over
                if item is None:
                    return "cancelled" if cancelled(question.id) else "completed", ""
                if not cancelled(question.id):
                    if isinstance(item, str) and item and not begun:
                        self._observe_wait(question, self._context.counters.delays.first_text)
                        begun = True
                    await self._send_item(question, item)
        except AnswerFailedError as error:
            return "failed", str(error)
        return "cancelled", ""

    def _observe_wait(self, question: Question | Announce, waits: Histogram) -> None:
        now = self._context.clock.now()
        self._context.questions.observe_wait(question.id, now, waits)

    async def _send_item(self, question: Question | Announce, item: AnswerItem) -> None:
        if not isinstance(item, str):
            await self._context.send(item)
        elif item:
            await self._send_piece(question, item)

    async def _locate(self, question: Question | Announce, answer: AnswerStream) -> None:
        """Send where in the picture the subject of `answer` is, if the model can say."""
        found = await answer.locate()
        if found is not None:
            output = Relevance(question.time, found, question.text, answer.confidence())
            await self._context.send(output)

    async def _send_piece(self, question: Question | Announce, piece: str) -> None:
        """Send `piece`; a ready sentence is sent word by word, so that it can be cancelled.

        A spoken answer is sent whole: speech is cancelled by clause.
        """
        clock = self._context.clock
        whole = question.spoken or self._context.limits.repeatable
        first, *rest = [piece] if whole else WORD_BOUNDARY.split(piece)
        await self._send(question, first, "streaming")
        for word in rest:
            await clock.sleep_until(clock.now() + WORD_INTERVAL)
            if self._context.questions.cancelled(question.id):
                return
            await self._send(question, word, "streaming")

    async def _send(
        self,
        question: Question | Announce,
        text: str,
        status: AnswerStatus,
        confidence: float | None = None,
        reason: str = "",
    ) -> None:
        services = self._context.services
        stand_in = services.answerer.outside is None and services.assistant.model.stand_in
        answer = Answer(
            question.id, text, question.time, status, stand_in, confidence, reason, self._language
        )
        await self._context.send(answer)
        if question.spoken:
            await self._answers.send(answer)
