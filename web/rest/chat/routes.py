"""POST /v1/chat/completions: questions about images, or about what a session has seen.

Source: the OpenAI Chat Completions API, as openai 3.54.0 uses it.
"""

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import format_sse_event
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from media.events.answers import Evidence
from web.access.auth import Caller
from web.access.gate import caller_of, refuse
from web.context import ServiceContext, service_context
from web.problems import ProblemError
from web.rest.answers import AnswerTask, cut_off_problem
from web.rest.chat.reply import ChatReply, Fields, MemorySource, completion, completion_chunks
from web.rest.chat.request import (
    ChatQuestion,
    check_images,
    check_tools,
    parse_chat_request,
)
from web.rest.event_stream import event_stream, json_event
from web.rest.sessions import moment_json

router = APIRouter()

SEND_TIMEOUT = 30.0  # seconds in which a client must read each part of the response


@router.post("/v1/chat/completions")
async def create_chat_completion(request: Request) -> Response:
    """Answer the last user message, as one object or as server-sent events."""
    context = service_context(request)
    caller = caller_of(request)
    await context.lines.questions.enter()
    try:
        if context.closing.is_set():
            raise cut_off_problem()
        body = await request.body()
        question = await context.message_worker.run(parse_chat_request, body)
        check_tools(question, context.models.services.answerer)
        await check_images(context.models.services.images, question)
        answer = AnswerTask(context, question, caller)
    except BaseException:
        context.lines.questions.leave()
        raise
    return CompletionResponse(context, question, answer, caller)


class CompletionResponse(Response):
    """Sends the answer, and stops its task at the end or when the client disconnects."""

    def __init__(
        self, context: ServiceContext, question: ChatQuestion, answer: AnswerTask, caller: Caller
    ) -> None:
        super().__init__()
        self._caller = caller
        self._context = context
        self._question = question
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._stop_on_disconnect(receive), name="disconnect")
            try:
                await self._respond(scope, receive, send)
            except (TimeoutError, OSError):
                pass  # the client does not read
            finally:
                watching.cancel()
                self._answer.stop()

    async def _stop_on_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._answer.stop()

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            evidence = await self._answer.evidence()
            reply = ChatReply(self._question, self._moments, evidence, await self._memory())
            if not self._question.stream:
                async for _ in reply.read(self._answer):
                    pass
        except ProblemError as problem:
            await refuse(problem, scope, receive, send)
            return
        if self._question.stream:
            await self._stream(reply, send)
        else:
            await JSONResponse(completion(reply))(scope, receive, send)

    async def _memory(self) -> MemorySource | None:
        """Return which memory of a session answers, None if none does."""
        id = self._question.session_id
        if id is None or self._question.images:
            return None
        session = self._context.sessions.find(id, self._caller)
        if session is not None and session.ended is None:
            return "running"
        found = await self._context.recordings.find(id, lambda _: True)  # it was asked already
        return None if found is None or found.summary is None else found.summary.memory

    def _moments(self, evidence: Evidence) -> list[Fields]:
        """Return the moments of `evidence`, with the paths of thumbnails that are kept."""
        session = self._context.sessions.find(self._question.session_id or "", self._caller)
        return [moment_json(moment, session) for moment in evidence.moments]

    async def _stream(self, reply: ChatReply, send: Send) -> None:
        async def send_in_time(message: MutableMapping[str, Any]) -> None:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send(message)

        async with aclosing(completion_events(reply, self._answer)) as events:
            await event_stream(events).stream_response(send_in_time)


async def completion_events(reply: ChatReply, answer: AnswerTask) -> AsyncGenerator[bytes, None]:
    """Yield the answer as server-sent events, with the mark that ends OpenAI's streams."""
    async with aclosing(completion_chunks(reply, answer)) as chunks:
        async for fields in chunks:
            yield json_event(fields)
    yield format_sse_event(data_str="[DONE]")
