"""An outside model behind the service: the unmodified openai client, and a tool that runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.media.pipeline.outside.scripted_endpoint import (
    Reply,
    ScriptedEndpoint,
    calls,
    fails,
    outside,
    says,
    scripted_endpoint,
)
from tests.media.pipeline.scripted_assistant import MARK
from tests.patience import PATIENCE
from tests.web.openai_sdk import check
from tests.web.served import Served, scripted_models, served
from tests.web.signaling.calling import Sound, calling
from web.config import Settings

Fields = dict[str, Any]
ADD_SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
ADD: Fields = {"name": "add", "description": "Adds two numbers.", "parameters": ADD_SCHEMA}
ASKED: Fields = {"role": "user", "content": "How much is 2 and 40?"}
TWICE = calls(("c1", "add", '{"a": 2, "b": 40}'), ("c2", "add", '{"a": 1, "b": 1}'), text="Hm.")


def add(arguments: str) -> str:
    numbers = json.loads(arguments)
    return str(numbers["a"] + numbers["b"])


@asynccontextmanager
async def answering(
    *replies: Reply, fallback: bool = True
) -> AsyncIterator[tuple[ScriptedEndpoint, Served, AsyncOpenAI]]:
    """Yield the endpoint that has the model, the service in front of it, and a client of that."""
    async with scripted_endpoint(*replies) as endpoint:
        model = outside(endpoint.url, fallback=fallback)
        with scripted_models(outside=model) as models, served(Settings(), models) as service:
            url = f"{service.http}/v1"
            async with AsyncOpenAI(api_key="any", base_url=url, max_retries=0) as client:
                yield endpoint, service, client


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_client_runs_the_calls_of_a_chat_and_the_model_goes_on(streamed: bool) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How much is 2 and 40?"},
    ]
    tools: Any = [{"type": "function", "function": ADD}]
    async with answering(TWICE, says("42 and 2.", tokens=9)) as (endpoint, _, client):
        chat = client.chat.completions
        if streamed:
            async with chat.stream(model="eyeline", messages=messages, tools=tools) as stream:
                made = await stream.get_final_completion()
        else:
            made = await chat.create(model="eyeline", messages=messages, tools=tools)  # type: ignore[assignment]  # a subclass
        (choice,) = made.choices
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Hm.")
        found: Any = choice.message.tool_calls
        messages.append(
            {
                "role": "assistant",
                "content": "Hm.",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "add", "arguments": call.function.arguments},
                    }
                    for call in found
                ],
            }
        )
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": add(call.function.arguments)}
            for call in found
        ]
        done = await chat.create(model="eyeline", messages=messages, tools=tools)
    assert done.choices[0].message.content == "42 and 2."
    assert done.usage is not None
    assert done.usage.prompt_tokens == 9
    assert endpoint.requests[0]["tools"] == tools
    assert endpoint.messages == messages


async def test_plain_talk_goes_to_the_model_too_and_the_models_page_names_it() -> None:
    async with answering(says("Hi.")) as (endpoint, _, client):
        made = await client.chat.completions.create(
            model="eyeline", messages=[{"role": "user", "content": "Hello"}], max_tokens=5
        )
        assert made.choices[0].message.content == "Hi."
        (listed,) = (await client.models.list()).data
    assert endpoint.messages == [{"role": "user", "content": "Hello"}]
    assert endpoint.requests[0]["max_tokens"] == 5
    own: Any = listed.model_extra
    assert (own["eyeline"]["model"], own["eyeline"]["tools"]) == ("big", True)
    assert own["eyeline"]["about"].startswith("answers come from big: ")


async def test_a_fault_is_told_in_the_answer_or_is_one() -> None:
    wrong = fails(401, b"no")
    message: Any = [{"role": "user", "content": "Hello"}]
    async with answering(wrong) as (_, _, client):
        made = await client.chat.completions.create(model="eyeline", messages=message)
        chosen: Any = made.choices[0].message
        assert chosen.content.startswith(f"{MARK} You asked: Hello")
        (notice,) = chosen.eyeline["notices"]
        assert "EYELINE_ANSWERS_KEY" in notice
    async with answering(wrong, fallback=False) as (_, _, client):
        with pytest.raises(openai.InternalServerError, match="big refuses the key") as caught:
            await client.chat.completions.create(model="eyeline", messages=message)
        assert (caught.value.status_code, caught.value.code) == (502, "answer_failed")
        stream = await client.chat.completions.create(
            model="eyeline", messages=message, stream=True
        )
        with pytest.raises(openai.APIError, match="big refuses the key"):
            async for _ in stream:
                pass


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "sum"}}])
async def test_a_function_that_must_be_called_must_be_there(choice: Any) -> None:
    tools: Any = [] if choice == "required" else [{"type": "function", "function": ADD}]
    message: Any = [{"role": "user", "content": "Hello"}]
    async with answering(says("Hi.")) as (endpoint, _, client):
        with pytest.raises(openai.BadRequestError, match="no function") as caught:
            await client.chat.completions.create(
                model="eyeline", messages=message, tools=tools, tool_choice=choice
            )
    assert (caught.value.param, endpoint.requests) == ("tool_choice", [])


@pytest.mark.parametrize("streamed", [False, True])
async def test_half_of_a_character_of_the_model_reaches_no_client(streamed: bool) -> None:
    message: Any = [{"role": "user", "content": "Hello"}]
    async with answering(says("\ud83d", " yes")) as (_, _, client):
        create = client.chat.completions.create
        if streamed:
            chunks = await create(model="eyeline", messages=message, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in chunks]
        else:
            made = await create(model="eyeline", messages=message)
            pieces = [made.choices[0].message.content or ""]
    assert "".join(pieces) == "? yes"


async def run_tools(
    send: Callable[[Fields], Awaitable[None]], until: Callable[..., Awaitable[Fields]]
) -> None:
    """Converse as a client of the Realtime protocol that has a tool, until it was used."""
    tool = {"type": "function", **ADD}
    session = {"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief."}
    await send({"type": "session.update", "session": {**session, "tools": [tool]}})
    assert (await until("session.updated"))["session"]["tools"] == [tool]
    content = [{"type": "input_text", "text": "How much is 2 and 40?"}]
    item: Fields = {"type": "message", "role": "user", "content": content}
    await send({"type": "conversation.item.create", "item": item})
    await send({"type": "response.create"})
    _, *called = (await until("response.done"))["response"]["output"]
    for call in called:
        output = add(call["arguments"])
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        await send({"type": "conversation.item.create", "item": item})
    await send({"type": "response.create"})
    await until("response.output_text.done", text="42 and 2.")


async def test_the_client_runs_the_calls_of_a_realtime_session() -> None:
    events: list[Fields] = []
    async with (
        answering(TWICE, says("42 and 2.")) as (endpoint, _, client),
        client.realtime.connect(model="eyeline") as connection,
    ):

        async def send(event: Any) -> None:
            await connection.send(event)

        async def until(type: str, **fields: str) -> Fields:
            wanted = {"type": type, **fields}
            async with asyncio.timeout(PATIENCE):
                while True:
                    events.append((await connection.recv()).model_dump())
                    if events[-1].items() >= wanted.items():
                        return events[-1]

        await run_tools(send, until)
    check(events)
    system, _, calling_turn, *outputs = endpoint.messages
    assert system["content"].endswith("Be brief.")
    assert [call["id"] for call in calling_turn["tool_calls"]] == ["c1", "c2"]
    assert [each["content"] for each in outputs] == ["42", "2"]


async def test_the_client_runs_the_calls_of_a_call() -> None:
    async with (
        answering(TWICE, says("42 and 2.")) as (_, service, _),
        calling(service, Sound(0.0)) as caller,
    ):

        async def send(event: Fields) -> None:
            caller.send(**event)

        await run_tools(send, caller.until)
