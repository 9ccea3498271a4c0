"""POST /v1/chat/completions: questions about images, or about what a session has seen.

Source: the OpenAI Chat Completions API, as openai 3.54.0 uses it.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.sse import format_sse_event
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from media.events import Evidence
from web.access.auth import Caller
from web.access.gate import caller_of
from web.context import MODEL_NAME, ServiceContext, service_context, unix_time
from web.problems import ProblemError, error_fields, problem_response
from web.rest.answers import AnswerTask, cut_off_problem
from web.rest.chat_request import ChatQuestion, check_images, parse_chat_request
from web.rest.event_stream import event_stream, json_event
from web.rest.sessions import moment_json

router = APIRouter()

SEND_TIMEOUT = 30.0  # seconds in which a client must read each part of the response

Fields = dict[str, Any]


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
        await check_images(context.models.services.images, question)
        answer = AnswerTask(context, question, caller)
    except BaseException:
        context.lines.questions.leave()
        raise
    return CompletionResponse(context, question, answer, caller)


@dataclass(slots=True)
class ChatReply:
    """The part of an answer that was read so far; the prompt had `prompt_tokens` tokens."""

    question: ChatQuestion
    evidence: list[Fields]
    prompt_tokens: int
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=unix_time)
    pieces: list[str] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] = "stop"

    @property
    def head(self) -> Fields:
        """Return the fields that the completion and each of its chunks begin with."""
        names = {"model": MODEL_NAME, "system_fingerprint": None}
        return {"id": self.id, "created": self.created, **names}

    @property
    def extension(self) -> Fields:
        """Return the fields that are not OpenAI's: the evidence of a question about a session."""
        return {} if self.question.session_id is None else {"eyeline": {"evidence": self.evidence}}

    @property
    def usage(self) -> Fields:
        """Return the token counts; all are 0 if no model was asked."""
        completion_tokens = len(self.pieces) if self.prompt_tokens else 0
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
        }

    async def read(self, answer: AnswerTask) -> AsyncGenerator[str, None]:
        """Yield and keep the pieces of the answer, at most `max_tokens` of them."""
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                if len(self.pieces) == self.question.max_tokens:
                    self.finish_reason = "length"
                    return
                self.pieces.append(piece)
                yield piece


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
            reply = ChatReply(self._question, self._moments(evidence), evidence.read)
            if not self._question.stream:
                async for _ in reply.read(self._answer):
                    pass
        except ProblemError as problem:
            await problem_response(problem)(scope, receive, send)
            return
        if self._question.stream:
            await self._stream(reply, send)
        else:
            await JSONResponse(completion(reply))(scope, receive, send)

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


def completion(reply: ChatReply) -> Fields:
    """Return the answer as one object."""
    content = "".join(reply.pieces)
    message = {"role": "assistant", "content": content, "refusal": None, **reply.extension}
    choice = {"index": 0, "message": message, "logprobs": None}
    return {
        **reply.head,
        "object": "chat.completion",
        "choices": [{**choice, "finish_reason": reply.finish_reason}],
        "usage": reply.usage,
    }


async def completion_chunks(reply: ChatReply, answer: AnswerTask) -> AsyncGenerator[Fields, None]:
    """Yield the answer as the chunks of a stream; the last one of a cut-off answer is an error."""
    yield completion_chunk(reply, {"role": "assistant", "content": "", **reply.extension})
    try:
        async with aclosing(reply.read(answer)) as pieces:
            async for piece in pieces:
                yield completion_chunk(reply, {"content": piece})
    except ProblemError as problem:
        yield {"error": error_fields(problem)}
        return
    yield completion_chunk(reply, {}, reply.finish_reason)
    if reply.question.include_usage:
        yield {**completion_chunk(reply, {}), "choices": [], "usage": reply.usage}


def completion_chunk(reply: ChatReply, delta: Fields, finish: str | None = None) -> Fields:
    """Return one chunk of a stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = {"usage": None} if reply.question.include_usage else {}
    return {**reply.head, "object": "chat.completion.chunk", "choices": [choice], **usage}
