"""A server of chat completions whose replies are scripted, faults too."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from media.images.picture_log import PictureLimits
from media.pipeline.models.answerer import PackagedAnswerer
from media.pipeline.models.services import OutsideModel
from media.pipeline.outside.answerer import OutsideAnswerer
from media.pipeline.outside.endpoint import EvidenceLimits, ModelEndpoint
from media.pipeline.outside.evidence import EvidenceCollector
from media.worker import Worker

Fields = dict[str, Any]
Reply = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class ScriptedEndpoint:
    """Its address `url`, the requests that came, and the next replies; the last one stays.

    A client `asked`, and one `closed` its connection before the end of the reply.
    """

    url: str = ""
    requests: list[Fields] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def messages(self) -> list[Fields]:
        """The messages of the last request."""
        found: list[Fields] = self.requests[-1]["messages"]
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append(json.loads(body))
            self.headers.append(headers)
            self.asked.set()
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(reader))
                answering = tasks.create_task(self._next_reply()(writer))
                await asyncio.wait({watching, answering}, return_when=asyncio.FIRST_COMPLETED)
                watching.cancel()
                answering.cancel()
        writer.close()

    def _next_reply(self) -> Reply:
        return self.replies.popleft() if len(self.replies) > 1 else self.replies[0]

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        """Note that the client closed the connection."""
        with suppress(ConnectionError):
            await reader.read()
        self.closed.set()


def outside(
    url: str,
    *,
    fallback: bool = True,
    evidence: EvidenceLimits | None = None,
    tools: Sequence[str] = (),
    **options: Any,
) -> OutsideModel:
    """Return the model at `url` for a service."""
    config = evidence or EvidenceLimits()

    def make(packaged: PackagedAnswerer, worker: Worker) -> OutsideAnswerer:
        collector = EvidenceCollector(config, packaged.images, worker)
        endpoint = ModelEndpoint(**{"url": url, "model": "big", **options})
        return OutsideAnswerer(endpoint, collector, worker, packaged if fallback else None, tools)

    return OutsideModel(make=make, pictures=PictureLimits(side=config.side))


@asynccontextmanager
async def scripted_endpoint(*replies: Reply) -> AsyncIterator[ScriptedEndpoint]:
    endpoint = ScriptedEndpoint(replies=deque(replies))
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield endpoint


def event(delta: Fields, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def says(*pieces: str, end: bytes = b"data: [DONE]\n\n", tokens: int = 0) -> Reply:
    """Reply with a stream of `pieces`; without an `end` the server dies in the middle."""
    usage = {"choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": len(pieces)}}

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for piece in pieces:
            writer.write(event({"content": piece}))
            await writer.drain()
        if end and tokens:
            writer.write(b"data: " + json.dumps(usage).encode() + b"\n\n")
        writer.write(end)
        await writer.drain()

    return reply


def calls(*functions: tuple[str, str, str], text: str = "") -> Reply:
    """Reply with calls of functions, each with its id, name and arguments, in several pieces."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        if text:
            writer.write(event({"content": text}))
        for index, (id, name, arguments) in enumerate(functions):
            head = {"index": index, "id": id, "type": "function"}
            begun = {**head, "function": {"name": name, "arguments": ""}}
            writer.write(event({"tool_calls": [begun]}))
            for piece in (arguments[:3], arguments[3:]):
                added = {"index": index, "function": {"arguments": piece}}
                writer.write(event({"tool_calls": [added]}))
        writer.write(event({}, "tool_calls") + b"data: [DONE]\n\n")
        await writer.drain()

    return reply


def fails(status: int, body: bytes = b"", headers: Sequence[str] = ()) -> Reply:
    head = "\r\n".join([f"HTTP/1.1 {status} No", *headers, f"Content-Length: {len(body)}", "", ""])

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + body)
        await writer.drain()

    return reply


def sends(data: bytes) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return reply


def waits(begun: bytes = b"") -> Reply:
    """Reply with `begun`, and then nothing more."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await writer.drain()
        await asyncio.Event().wait()

    return reply
