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

MAX_EVENT = 1 << 18  # bytes of one event of a stream, or of a whole answer: parsed in 10 ms
MAX_EVENTS_PER_TOKEN = 4  # servers that ignore the limit of tokens are cut off
DONE = b"[DONE]"
BAD_JSON = (
    ValueError,
    AttributeError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
)  # of events that are JSON, and of which nobody knows what is in them
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
AFTER_LAST = 1.0  # seconds that an answer may take to end after the reason why it ends


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A piece of call `number`; its id and name come with the first one."""

    number: int
    id: str
    name: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class CompletionDelta:
    """A piece of an answer; `prompt_tokens` is 0 until the server says how many it read.

    `ended` is why the answer ends, with its last piece: nothing but that number comes after it.
    """

    text: str = ""
    calls: tuple[CallDelta, ...] = ()
    prompt_tokens: int = 0
    ended: str = ""


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
        headers={**HEADERS, **endpoint.headers},
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

    async def read() -> bytes:
        body = b""
        async with aclosing(_pieces(response, endpoint)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_EVENT:
                    break
        return body[:MAX_EVENT]

    return await waits.wait(read(), endpoint.first_wait)


def _pieces(response: httpx.Response, endpoint: ModelEndpoint) -> AsyncGenerator[bytes, None]:
    """Return the body as it comes: what is compressed may be of any size."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise OutsideError(f"{endpoint.name} compresses its answer, which it was asked not to do")
    return cast("AsyncGenerator[bytes, None]", response.aiter_raw())  # as httpx makes it


async def _deltas(
    response: httpx.Response, endpoint: ModelEndpoint, waits: StoppableWait
) -> AsyncGenerator[CompletionDelta, None]:
    """Yield the pieces of the answer; a server that does not stream gives one."""
    if "text/event-stream" not in response.headers.get("content-type", "").lower():
        yield _delta(await _read(response, endpoint, waits), "message", endpoint)
        return
    complete = False  # some servers end their streams without the mark
    limit, count = endpoint.first_wait, 0
    async with aclosing(_events(response, endpoint)) as events:
        while (event := await _next_event(events, endpoint, waits, limit, complete)) != DONE:
            if event is None and complete:
                return
            if event is None:
                raise OutsideError(f"{endpoint.name} stopped in the middle of its answer")
            count += 1
            if count > MAX_EVENTS_PER_TOKEN * max(endpoint.max_tokens, 64):
                raise OutsideError(
                    f"{endpoint.name} does not stop after {endpoint.max_tokens} tokens"
                )
            delta = _delta(event, "delta", endpoint)
            complete = complete or bool(delta.ended)
            limit = min(endpoint.next_wait, AFTER_LAST) if complete else endpoint.next_wait
            yield delta


async def _next_event(
    events: AsyncGenerator[bytes, None],
    endpoint: ModelEndpoint,
    waits: StoppableWait,
    limit: float,
    complete: bool,
) -> bytes | None:
    """Return the next event, None at the end; what goes wrong after a `complete` answer is one."""
    try:
        return await waits.wait(anext(events, None), limit)
    except TimeoutError as error:
        if complete:
            return None
        raise OutsideError(f"{endpoint.name} wrote nothing for {limit:.0f} s") from error
    except httpx.HTTPError:
        if complete:
            return None
        raise


async def _events(response: httpx.Response, endpoint: ModelEndpoint) -> AsyncGenerator[bytes, None]:
    """Yield the data of each server-sent event, which is one line in these streams."""
    rest = b""
    async with aclosing(_pieces(response, endpoint)) as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if data := _data(line):
                    yield data
            if len(rest) > MAX_EVENT:
                raise _not_a_stream(endpoint, rest)
    if data := _data(rest):  # without the end of its line
        yield data


def _data(line: bytes) -> bytes:
    """Return the data of a line, nothing if it is a comment or another field."""
    return line[5:].strip() if line.startswith(b"data:") else b""


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
        choices = fields["choices"] if part == "message" else fields.get("choices") or ({},)
        choice = choices[0]
        added = choice.get(part) or {}
        calls = added.get("tool_calls") or ()
        return CompletionDelta(
            text=_text(added.get("content") or added.get("refusal") or ""),
            calls=tuple(_call(number, call) for number, call in enumerate(calls)),
            prompt_tokens=int(usage),
            ended=str(choice.get("finish_reason") or ""),
        )
    except BAD_JSON as error:
        raise _not_a_stream(endpoint, event) from error


def _text(content: Any) -> str:
    """Return the text of a message's content, which may come in parts, in whole characters."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    return str(content).encode(errors="replace").decode()


def _call(number: int, call: dict[str, Any]) -> CallDelta:
    function, index = call.get("function") or {}, call.get("index")
    arguments = function.get("arguments") or ""
    return CallDelta(
        number if index is None else int(index),
        _text(call.get("id") or ""),
        _text(function.get("name") or ""),
        _text(arguments if isinstance(arguments, str) else json.dumps(arguments)),
    )


def _not_a_stream(endpoint: ModelEndpoint, data: bytes) -> OutsideError:
    return OutsideError(
        f"{endpoint.name} sent what is not a chat completion: check EYELINE_ANSWERS_URL "
        f"({data[:60].decode(errors='replace')!r})"
    )
