"""The answer to a chat completion request, in the form of OpenAI's API."""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from media.dialogue import AnswerNotice, CalledFunction, FunctionCall
from media.events.answers import Evidence
from web.context import MODEL_NAME, unix_time
from web.problems import ProblemError, error_fields
from web.rest.answers import AnswerPiece, AnswerTask
from web.rest.chat.request import ChatQuestion

Fields = dict[str, Any]
MemorySource = Literal["running", "recorded", "rebuilt"]


@dataclass(slots=True)
class ChatReply:
    """The part of an answer that was read so far; `show` returns its evidence as JSON.

    `memory` says which memory of a session answers: the running one's, the recorded or a rebuilt.
    """

    question: ChatQuestion
    show: Callable[[Evidence], list[Fields]]
    evidence: Evidence
    memory: MemorySource | None = None
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=unix_time)
    pieces: list[str] = field(default_factory=list)
    calls: list[Fields] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    finish_reason: Literal["stop", "length", "tool_calls"] = "stop"

    @property
    def head(self) -> Fields:
        """Return the fields that the completion and each of its chunks begin with."""
        names = {"model": MODEL_NAME, "system_fingerprint": None}
        return {"id": self.id, "created": self.created, **names}

    @property
    def extension(self) -> Fields:
        """Return the fields that are not OpenAI's: evidence from a session, and notices."""
        own: Fields = {}
        if self.question.session_id is not None:
            own["evidence"] = self.show(self.evidence)
            if self.memory is not None:
                own["memory"] = self.memory
            if self.evidence.scope:
                own["scope"] = self.evidence.scope
        if self.notices:
            own["notices"] = self.notices
        return {"eyeline": own} if own else {}

    @property
    def usage(self) -> Fields:
        """Return the token counts; all are 0 if no model was asked."""
        prompt_tokens = self.evidence.read
        completion_tokens = len(self.pieces) if prompt_tokens else 0
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        }

    async def read(self, answer: AnswerTask) -> AsyncGenerator[Fields, None]:
        """Keep the items of the answer, at most `max_tokens` pieces, and yield them as deltas."""
        async with aclosing(answer.pieces()) as items:
            async for item in items:
                if isinstance(item, str) and len(self.pieces) == self.question.max_tokens:
                    self.finish_reason = "length"
                    return
                yield self._add(item)

    def _add(self, item: AnswerPiece) -> Fields:
        match item:
            case str():
                self.pieces.append(item)
                return {"content": item}
            case CalledFunction():
                return {"tool_calls": [self._add_call(item.call)]}
            case AnswerNotice():
                self.notices.append(item.message)
            case Evidence():
                self.evidence = item
        return self.extension

    def _add_call(self, call: FunctionCall) -> Fields:
        """Add a call; return it as the delta of a chunk."""
        self.finish_reason = "tool_calls"
        function = {"name": call.name, "arguments": call.arguments}
        self.calls.append({"id": call.id, "type": "function", "function": function})
        return {"index": len(self.calls) - 1, **self.calls[-1]}


def completion(reply: ChatReply) -> Fields:
    """Return the answer as one object."""
    content = "".join(reply.pieces)
    message: Fields = {"role": "assistant", "content": content, "refusal": None, **reply.extension}
    if reply.calls:
        message |= {"content": content or None, "tool_calls": reply.calls}
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
        async with aclosing(reply.read(answer)) as deltas:
            async for delta in deltas:
                yield completion_chunk(reply, delta)
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
