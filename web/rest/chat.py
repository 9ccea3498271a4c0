"""POST /v1/chat/completions: questions about pictures, or about what a session has seen.

Source: the OpenAI Chat Completions API, as openai 3.54.0 uses it.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from media.events import Evidence
from web.context import MODEL_NAME, ServiceContext, authenticate, service_context, unix_time
from web.problems import ProblemError, error_fields, problem_response
from web.rest.answers import AnswerTask, cut_off_problem
from web.rest.chat_request import ChatQuestion, parse_chat_request
from web.rest.rest import EVENT_STREAM, UNBUFFERED, moment_json
from web.sessions import RETRY_AFTER

router = APIRouter()

BODY_TIMEOUT = 60.0  # seconds that a client gets to send its request
SEND_TIMEOUT = 30.0  # seconds that a client may leave what it is sent unread

Fields = dict[str, Any]


@router.post("/v1/chat/completions", dependencies=[Depends(authenticate)])
async def chat(request: Request) -> Response:
    """Answer the last message of the user, whole or as server-sent events."""
    context = service_context(request)
    if context.closing.is_set():
        raise cut_off_problem()
    if context.question_slots.locked():
        told = f"{context.settings.questions} questions are being answered: try again in "
        raise ProblemError(
            429,
            f"{told}{RETRY_AFTER} s, or raise EYELINE_QUESTIONS",
            code="too_many_questions",
            headers={"Retry-After": str(RETRY_AFTER)},
        )
    await context.question_slots.acquire()
    try:
        body = await _body(request, context.settings.max_message_size)
        asked = await context.models.services.vision_worker.run(parse_chat_request, body)
        answering = AnswerTask(context, asked)
    except BaseException:
        context.question_slots.release()
        raise
    return CompletionResponse(context, asked, answering)


async def _body(request: Request, longest: int) -> bytes:
    """Return the body of `request`.

    Raises:
        ProblemError: it has more than `longest` bytes, or does not come.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in request.stream():
                body += part
                if len(body) > longest:
                    told = f"a request may have {longest} bytes: send fewer or smaller pictures"
                    raise ProblemError(413, f"{told}, or raise EYELINE_MAX_MESSAGE_SIZE")
    except (TimeoutError, ClientDisconnect) as error:
        raise ProblemError(408, "the request did not come to its end") from error
    return bytes(body)


@dataclass(slots=True)
class ChatReply:
    """An answer as far as it was read: of the model `read` tokens are the prompt."""

    question: ChatQuestion
    evidence: list[Fields]
    prompt_tokens: int
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=unix_time)
    pieces: list[str] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] = "stop"

    @property
    def head(self) -> Fields:
        return {
            "id": self.id,
            "created": self.created,
            "model": MODEL_NAME,
            "system_fingerprint": None,
        }

    @property
    def extension(self) -> Fields:
        """Return the field of this service's own, where there is something to tell."""
        return {} if self.question.session_id is None else {"eyeline": {"evidence": self.evidence}}

    @property
    def usage(self) -> Fields:
        """Return the tokens that a model read and wrote: none where no model was asked."""
        written = len(self.pieces) if self.prompt_tokens else 0
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    async def read(self, answer: AnswerTask) -> AsyncGenerator[str, None]:
        """Yield the pieces of the answer, as many as were asked for, and keep them."""
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                if len(self.pieces) == self.question.max_tokens:
                    self.finish_reason = "length"
                    return
                self.pieces.append(piece)
                yield piece


class CompletionResponse(Response):
    """The answer as a response; when it is over, or its client has left, so is the work."""

    def __init__(
        self, context: ServiceContext, question: ChatQuestion, answering: AnswerTask
    ) -> None:
        super().__init__()
        self._context = context
        self._asked = question
        self._answering = answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(self._stop_when_left(receive), name="leave")
            try:
                await self._respond(scope, receive, send)
            except (TimeoutError, OSError):
                pass  # nobody reads it
            finally:
                leaving.cancel()
                self._answering.stop()

    async def _stop_when_left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._answering.stop()

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            evidence = await self._answering.evidence()
            reply = ChatReply(self._asked, self._moments(evidence), evidence.read)
            if not self._asked.stream:
                async for _ in reply.read(self._answering):
                    pass
        except ProblemError as problem:
            await problem_response(problem)(scope, receive, send)
            return
        if self._asked.stream:
            await self._stream(reply, send)
        else:
            await JSONResponse(whole(reply))(scope, receive, send)

    def _moments(self, evidence: Evidence) -> list[Fields]:
        """Return the moments of `evidence`, with the addresses of the pictures that are kept."""
        live = self._context.sessions.find(self._asked.session_id or "")
        return [moment_json(moment, live) for moment in evidence.moments]

    async def _stream(self, reply: ChatReply, send: Send) -> None:
        headers = {"Content-Type": f"{EVENT_STREAM}; charset=utf-8", **UNBUFFERED}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        async with aclosing(chunks(reply, self._answering)) as made:
            async for fields in made:
                await self._say(json.dumps(fields, ensure_ascii=False), send)
        await self._say("[DONE]", send)
        await send({"type": "http.response.body", "body": b""})

    async def _say(self, data: str, send: Send) -> None:
        body = f"data: {data}\n\n".encode()
        async with asyncio.timeout(SEND_TIMEOUT):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def whole(reply: ChatReply) -> Fields:
    """Return the answer as one object."""
    content = "".join(reply.pieces)
    message = {"role": "assistant", "content": content, "refusal": None, **reply.extension}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": reply.finish_reason,
    }
    return {
        **reply.head,
        "object": "chat.completion",
        "choices": [choice],
        "usage": reply.usage,
    }


async def chunks(reply: ChatReply, answering: AnswerTask) -> AsyncGenerator[Fields, None]:
    """Yield the answer as the chunks of a stream; where it is cut off, the last one says so."""
    yield chunk(reply, {"role": "assistant", "content": "", **reply.extension})
    try:
        async with aclosing(reply.read(answering)) as pieces:
            async for piece in pieces:
                yield chunk(reply, {"content": piece})
    except ProblemError as problem:
        yield {"error": error_fields(problem)}
        return
    yield chunk(reply, {}, reply.finish_reason)
    if reply.question.include_usage:
        yield {**chunk(reply, {}), "choices": [], "usage": reply.usage}


def chunk(reply: ChatReply, delta: Fields, finish: str | None = None) -> Fields:
    """Return one chunk of a stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = {"usage": None} if reply.question.include_usage else {}
    return {**reply.head, "object": "chat.completion.chunk", "choices": [choice], **usage}
