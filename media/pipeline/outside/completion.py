"""One chat completion of the outside model, as it streams.

Source: the OpenAI Chat Completions API, as llama.cpp, vLLM, Ollama and SGLang serve it.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import httpx

from media.pipeline.outside.endpoint import COMPLETIONS, ModelEndpoint
from media.pipeline.outside.errors import OutsideError, error_of_status
from media.pipeline.outside.patience import StoppableWait

MAX_EVENT = 1 << 20  # bytes of one event of a stream, or of a whole answer
DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A piece of call `number`; its id and name come with the first one."""

    number: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CompletionDelta:
    """A piece of an answer; `prompt_tokens` is 0 until the server says how many it read.

    Nothing but that comes after a piece that is `last`.
    """

    text: str = ""
    calls: tuple[CallDelta, ...] = ()
    prompt_tokens: int = 0
    last: bool = False


async def stream_completion(
    client: httpx.AsyncClient, endpoint: ModelEndpoint, body: bytes, waits: StoppableWait
) -> AsyncGenerator[CompletionDelta, None]:
    """Ask with the request `body`, and yield the pieces of the answer.

    Raises:
        OutsideError: there is no answer, or no rest of it.
        AnswerStoppedError: `waits` was stopped.
    """
    request = client.build_request(
        "POST",
        endpoint.base + COMPLETIONS,
        content=body,
        headers={"Content-Type": "application/json", **endpoint.headers},
    )
    name = endpoint.name
    try:
        response = await waits.wait(client.send(request, stream=True), endpoint.first_wait)
        async with aclosing(response):
            await check_status(response, endpoint, waits)
            async with aclosing(_deltas(response, endpoint, waits)) as deltas:
                async for delta in deltas:
                    yield delta
    except TimeoutError as error:
        raise OutsideError(f"{name} did not begin to answer in time") from error
    except httpx.ConnectError as error:
        raise OutsideError(f"{name} cannot be reached: is its server running? ({error})") from error
    except httpx.HTTPError as error:
        raise OutsideError(f"the connection to {name} broke ({type(error).__name__})") from error


async def check_status(
    response: httpx.Response, endpoint: ModelEndpoint, waits: StoppableWait
) -> None:
    """Check that the server takes the request.

    Raises:
        OutsideError: it does not.
    """
    if response.status_code != 200:
        body = await _read(response, endpoint, waits)
        raise error_of_status(endpoint.name, response.status_code, response.headers, body)


async def _read(response: httpx.Response, endpoint: ModelEndpoint, waits: StoppableWait) -> bytes:
    """Return the whole body, or as much of it as is taken."""
    body = b""
    async with aclosing(_pieces(response)) as pieces:
        while len(body) < MAX_EVENT:
            piece = await waits.wait(anext(pieces, None), endpoint.first_wait)
            if piece is None:
                break
            body += piece
    return body


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())  # as httpx makes it


async def _deltas(
    response: httpx.Response, endpoint: ModelEndpoint, waits: StoppableWait
) -> AsyncGenerator[CompletionDelta, None]:
    """Yield the pieces of the answer; a server that does not stream gives one."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        yield _delta(await _read(response, endpoint, waits), "message", endpoint)
        return
    complete = False  # some servers end their streams without the mark
    limit = endpoint.first_wait
    async with aclosing(_events(response, endpoint)) as events:
        while (event := await _next_event(events, endpoint, waits, limit)) != DONE:
            if event is None and complete:
                return
            if event is None:
                raise OutsideError(f"{endpoint.name} stopped in the middle of its answer")
            limit = endpoint.next_wait
            delta = _delta(event, "delta", endpoint)
            complete = complete or delta.last
            yield delta


async def _next_event(
    events: AsyncGenerator[bytes, None], endpoint: ModelEndpoint, waits: StoppableWait, limit: float
) -> bytes | None:
    try:
        return await waits.wait(anext(events, None), limit)
    except TimeoutError as error:
        raise OutsideError(f"{endpoint.name} wrote nothing for {limit:.0f} s") from error


async def _events(response: httpx.Response, endpoint: ModelEndpoint) -> AsyncGenerator[bytes, None]:
    """Yield the data of each server-sent event, which is one line in these streams."""
    rest = b""
    async with aclosing(_pieces(response)) as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    yield line[5:].strip()
            if len(rest) > MAX_EVENT:
                raise _not_a_stream(endpoint, rest)


def _delta(event: bytes, part: str, endpoint: ModelEndpoint) -> CompletionDelta:
    """Return what an event adds to the answer: its choice has a "delta", or a "message".

    Raises:
        OutsideError: it is not a part of a completion, or it is an error of the server.
    """
    try:
        fields = json.loads(event)
        if fields.get("error"):
            raise error_of_status(endpoint.name, 500, {}, event)
        usage = (fields.get("usage") or {}).get("prompt_tokens") or 0
        choices = fields.get("choices") or []
        choice = choices[0] if choices else {}
        added = choice.get(part) or {}
        calls = added.get("tool_calls") or ()
        return CompletionDelta(
            text=str(added.get("content") or ""),
            calls=tuple(_call(number, call) for number, call in enumerate(calls)),
            prompt_tokens=int(usage),
            last=bool(choice.get("finish_reason")),
        )
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise _not_a_stream(endpoint, event) from error


def _call(number: int, call: dict[str, Any]) -> CallDelta:
    function = call.get("function") or {}
    index = call.get("index")
    return CallDelta(
        number if index is None else int(index),
        str(call.get("id") or ""),
        str(function.get("name") or ""),
        str(function.get("arguments") or ""),
    )


def _not_a_stream(endpoint: ModelEndpoint, data: bytes) -> OutsideError:
    return OutsideError(
        f"{endpoint.name} sent what is not a chat completion: check EYELINE_ANSWERS_URL "
        f"({data[:60].decode(errors='replace')!r})"
    )
