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
from web.errors import outcome
from web.problems import ProblemError
from web.rest.chat_request import Asked
from web.sessions import RETRY_AFTER, SessionRecord

NOTHING_TO_SEE = (
    "I have nothing to look at: send a picture as an image_url with a data URL, or name a "
    "session in metadata.session_id."
)
PIECES = 64  # of an answer that wait to be read
SESSION = re.compile(r"sess_[0-9a-f]{16}")  # nothing else is ever part of a path

Told = Evidence | Answer
Answers = AsyncGenerator[Told, None]


class Answering:
    """An answer in the making: what it is made from, then its pieces; `stop` ends the work.

    It takes over a place of `context.questions`, and gives it back when the work is over.
    """

    def __init__(self, context: ServiceContext, asked: Asked) -> None:
        self._context = context
        self._made: Channel[Told | ProblemError] = Channel(PIECES)
        self._task = context.tasks.create_task(self._make(asked), name="answer")
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
        made = await self._next()
        assert isinstance(made, Evidence), made
        return made

    async def pieces(self) -> AsyncGenerator[str, None]:
        """Yield the answer's text as it is made.

        Raises:
            ProblemError: it was cut off.
        """
        while True:
            made = await self._next()
            assert isinstance(made, Answer), made
            if made.status == "cancelled":
                raise cut_off()
            if made.text:
                yield made.text
            if made.status == "completed":
                return

    async def _next(self) -> Told:
        made = await anext(self._made, None)
        if made is None:
            raise cut_off()
        if isinstance(made, ProblemError):
            raise made
        return made

    async def _make(self, asked: Asked) -> None:
        try:
            failure = await outcome(self._tell(asked), "an answer")
            if failure is not None:
                await self._made.send(ProblemError(500, failure))
        finally:
            await self._made.close()

    async def _tell(self, asked: Asked) -> None:
        try:
            async with aclosing(answers(self._context, asked)) as told:
                async for each in told:
                    if self._context.closing.is_set():
                        raise cut_off()
                    await self._made.send(each)
        except ProblemError as problem:
            await self._made.send(problem)


def cut_off() -> ProblemError:
    """Return the problem of an answer that does not come to its end."""
    return ProblemError(
        503,
        "the session or the service ended before the answer was complete",
        code="answer_cut_off",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def answers(context: ServiceContext, asked: Asked) -> Answers:
    """Return the answer to `asked`, made from where it is to come from.

    Raises:
        ProblemError: there is no such session, or what it saw was not kept.
    """
    services = context.models.services
    if asked.session is None:
        return of_pictures(services, asked) if asked.pictures else of_nothing()
    live = context.sessions.find(asked.session)
    if live is not None and live.ended is None:
        return of_live(live, asked)
    memory = _memory(context, asked.session)
    if memory is None:
        raise _gone(asked.session, known=live is not None)
    return of_pictures(services, asked) if asked.pictures else of_past(context, memory, asked)


async def of_nothing() -> Answers:
    """Say what to send, as a sentence: programs that expect to chat can show it."""
    yield Evidence("", ())
    yield Answer("", NOTHING_TO_SEE, 0.0, "completed")


async def of_live(live: SessionRecord, asked: Asked) -> Answers:
    """Ask a session that is alive, at its present time.

    Raises:
        ProblemError: it ends just now, or has enough questions to answer.
    """
    id = f"ask_{secrets.token_hex(8)}"
    question = Question(id, asked.words, live.media_time(), pictures=asked.pictures)
    async with aclosing(live.ask(question)) as told:
        async for each in told:
            yield each


async def of_pictures(services: Services, asked: Asked) -> Answers:
    """Ask about the pictures that came with the question.

    Raises:
        ProblemError: one of them cannot be read.
    """
    try:
        said = await answer_about_images(services, asked.pictures, asked.words)
    except UnreadableMediaError as error:
        raise ProblemError(400, f"messages: {error}", param="messages") from error
    async with aclosing(_said(services, said)) as told:
        async for each in told:
            yield each


async def of_past(context: ServiceContext, memory: Path, asked: Asked) -> Answers:
    """Ask the memory of a session that is over, as it was at its end; one question at a time.

    Raises:
        ProblemError: it cannot be opened.
    """
    services = context.models.services
    watcher, mind = services.assistant, services.answer_worker
    async with context.ended_session_lock:
        try:
            state = await services.open_memory(memory)
        except StoreError as error:
            reason = f"the memory of session {asked.session} cannot be opened now: {error}"
            raise ProblemError(409, reason, code="memory_in_use") from error
        try:
            time = max(0.0, watcher.seen_until(state))
            said = await mind.run(watcher.answer, state, asked.words, time)
            async with aclosing(_said(services, said)) as told:
                async for each in told:
                    yield each
        finally:
            await services.close_memory(state)


async def _said(services: Services, said: AssistantAnswer) -> Answers:
    yield Evidence("", said.moments, said.read)
    while (piece := await services.answer_worker.run(next, said.pieces, None)) is not None:
        yield Answer("", piece, 0.0)
    yield Answer("", "", 0.0, "completed")


def _memory(context: ServiceContext, id: str) -> Path | None:
    """Return the folder with what session `id` saw, if it was kept."""
    home = context.settings.recordings
    if home is None or not SESSION.fullmatch(id):
        return None
    memory = home / id / MEMORY
    return memory if memory.is_dir() else None


def _gone(id: str, *, known: bool) -> ProblemError:
    param = "metadata.session_id"
    if not known:
        told = f"no session {id[:80]!r}: it never was, or ended long ago"
        return ProblemError(404, told, code="session_not_found", param=param)
    told = (
        f"session {id} is over, and what it saw was not kept: set EYELINE_RECORDINGS to a folder "
        "to ask about sessions after their end"
    )
    return ProblemError(410, told, code="session_gone", param=param)
