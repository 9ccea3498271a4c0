"""Answers outside a conversation: about pictures, a session that is alive, or one that is over.

An answer is made by a task of its own, which ends when nobody waits for it any more.
"""

import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from media.channel import Channel
from media.errors import UnreadableMediaError
from media.events import Answer, Evidence, Question
from media.pipeline.models import Services
from media.pipeline.vision.image_question import answer_about_images
from media.recording.recording import MEMORY
from models.assistant.interface import AssistantAnswer
from models.errors import StoreError
from web.context import ServiceContext
from web.errors import failure_message
from web.problems import ProblemError
from web.rest.chat_request import ChatQuestion
from web.sessions import RETRY_AFTER, SessionRecord

NOTHING_TO_SEE = (
    "I have nothing to look at: send a picture as an image_url with a data URL, or name a "
    "session in metadata.session_id."
)
MAX_WAITING = 64  # of an answer that wait to be read
SESSION_ID = re.compile(r"sess_[0-9a-f]{16}")  # nothing else is ever part of a path

AnswerOutput = Evidence | Answer
AnswerStream = AsyncGenerator[AnswerOutput, None]


class AnswerTask:
    """An answer in the making: what it is made from, then its pieces; `stop` ends the work.

    It takes over a place of `context.question_slots`, and gives it back when the work is over.
    """

    def __init__(self, context: ServiceContext, question: ChatQuestion) -> None:
        self._context = context
        self._outputs: Channel[AnswerOutput | ProblemError] = Channel(MAX_WAITING)
        self._task = context.tasks.create_task(self._run(question), name="answer")
        # not in a finally of the task: one that is stopped before it begins has none
        self._task.add_done_callback(lambda _: context.question_slots.release())

    def stop(self) -> None:
        """End the work: nobody reads it any more."""
        self._task.cancel()

    async def evidence(self) -> Evidence:
        """Return what the answer is made from, which comes before its first piece.

        Raises:
            ProblemError: there is no answer.
        """
        output = await self._receive()
        assert isinstance(output, Evidence), output
        return output

    async def pieces(self) -> AsyncGenerator[str, None]:
        """Yield the answer's text as it is made.

        Raises:
            ProblemError: it was cut off.
        """
        while True:
            output = await self._receive()
            assert isinstance(output, Answer), output
            if output.status == "cancelled":
                raise cut_off_problem()
            if output.text:
                yield output.text
            if output.status == "completed":
                return

    async def _receive(self) -> AnswerOutput:
        output = await anext(self._outputs, None)
        if output is None:
            raise cut_off_problem()
        if isinstance(output, ProblemError):
            raise output
        return output

    async def _run(self, question: ChatQuestion) -> None:
        try:
            failure = await failure_message(self._forward(question), "an answer")
            if failure is not None:
                await self._outputs.send(ProblemError(500, failure))
        finally:
            await self._outputs.close()

    async def _forward(self, question: ChatQuestion) -> None:
        try:
            async with aclosing(answer_question(self._context, question)) as outputs:
                async for output in outputs:
                    if self._context.closing.is_set():
                        raise cut_off_problem()
                    await self._outputs.send(output)
        except ProblemError as problem:
            await self._outputs.send(problem)


def cut_off_problem() -> ProblemError:
    """Return the problem of an answer that does not come to its end."""
    return ProblemError(
        503,
        "the session or the service ended before the answer was complete",
        code="answer_cut_off",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def answer_question(context: ServiceContext, question: ChatQuestion) -> AnswerStream:
    """Return the answer to `asked`, made from where it is to come from.

    Raises:
        ProblemError: there is no such session, or what it saw was not kept.
    """
    services = context.models.services
    if question.session_id is None:
        return answer_from_images(services, question) if question.images else answer_without_input()
    live = context.sessions.find(question.session_id)
    if live is not None and live.ended is None:
        return answer_from_session(live, question)
    memory = _memory(context, question.session_id)
    if memory is None:
        raise _unavailable_session(question.session_id, known=live is not None)
    return (
        answer_from_images(services, question)
        if question.images
        else answer_from_memory(context, memory, question)
    )


async def answer_without_input() -> AnswerStream:
    """Say what to send, as a sentence: programs that expect to chat can show it."""
    yield Evidence("", ())
    yield Answer("", NOTHING_TO_SEE, 0.0, "completed")


async def answer_from_session(session: SessionRecord, question: ChatQuestion) -> AnswerStream:
    """Ask a session that is alive, at its present time.

    Raises:
        ProblemError: it ends just now, or has enough questions to answer.
    """
    id = f"ask_{secrets.token_hex(8)}"
    sent = Question(id, question.text, session.media_time(), pictures=question.images)
    async with aclosing(session.ask(sent)) as outputs:
        async for each in outputs:
            yield each


async def answer_from_images(services: Services, question: ChatQuestion) -> AnswerStream:
    """Ask about the pictures that came with the question.

    Raises:
        ProblemError: one of them cannot be read.
    """
    try:
        answer = await answer_about_images(services, question.images, question.text)
    except UnreadableMediaError as error:
        raise ProblemError(400, f"messages: {error}", param="messages") from error
    async with aclosing(_stream(services, answer)) as outputs:
        async for each in outputs:
            yield each


async def answer_from_memory(
    context: ServiceContext, memory: Path, question: ChatQuestion
) -> AnswerStream:
    """Ask the memory of a session that is over, as it was at its end; one question at a time.

    Raises:
        ProblemError: it cannot be opened.
    """
    services = context.models.services
    assistant, worker = services.assistant, services.answer_worker
    async with context.ended_session_lock:
        try:
            state = await services.open_memory(memory)
        except StoreError as error:
            reason = f"the memory of session {question.session_id} cannot be opened now: {error}"
            raise ProblemError(409, reason, code="memory_in_use") from error
        try:
            time = max(0.0, assistant.seen_until(state))
            answer = await worker.run(assistant.answer, state, question.text, time)
            async with aclosing(_stream(services, answer)) as outputs:
                async for each in outputs:
                    yield each
        finally:
            await services.close_memory(state)


async def _stream(services: Services, answer: AssistantAnswer) -> AnswerStream:
    yield Evidence("", answer.moments, answer.read)
    while (piece := await services.answer_worker.run(next, answer.pieces, None)) is not None:
        yield Answer("", piece, 0.0)
    yield Answer("", "", 0.0, "completed")


def _memory(context: ServiceContext, id: str) -> Path | None:
    """Return the folder with what session `id` saw, if it was kept."""
    home = context.settings.recordings
    if home is None or not SESSION_ID.fullmatch(id):
        return None
    memory = home / id / MEMORY
    return memory if memory.is_dir() else None


def _unavailable_session(id: str, *, known: bool) -> ProblemError:
    param = "metadata.session_id"
    if not known:
        detail = f"no session {id[:80]!r}: it never was, or ended long ago"
        return ProblemError(404, detail, code="session_not_found", param=param)
    detail = (
        f"session {id} is over, and what it saw was not kept: set EYELINE_RECORDINGS to a folder "
        "to ask about sessions after their end"
    )
    return ProblemError(410, detail, code="session_gone", param=param)
