"""/v1/chat/completions over a real socket, with the unmodified openai client where it matters."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from media.worker import Worker
from tests.media.images.files import SLOPE, image_file
from tests.patience import PATIENCE
from tests.web.assistants import PROMPT_TOKENS, KeepingAssistant, ThinkingAssistant
from tests.web.served import Served, scripted_models, served
from web.config import Settings
from web.rest.answers import NO_INPUT

LARGEST = 300_000  # bytes of a request here

Fields = dict[str, Any]
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}


def picture(brightness: int = 40, *, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> str:
    """Return a picture as a data URL."""
    file = io.BytesIO()
    Image.new("RGB", size, (brightness,) * 3).save(file, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def shown(text: str, *urls: str) -> Fields:
    """Return a message of the user with pictures."""
    parts: list[Fields] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = Settings(max_message_size=LARGEST, recordings=tmp_path_factory.mktemp("recordings"))
    with (
        scripted_models(assistant=KeepingAssistant()) as models,
        served(settings, models) as service,
    ):
        yield service


@pytest.fixture
def client(service: Served) -> OpenAI:
    return OpenAI(api_key="any", base_url=f"{service.http}/v1", max_retries=0)


def ask(client: OpenAI, *messages: Any, **options: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=messages, **options)


def posted(service: Served, **body: Any) -> httpx.Response:
    return httpx.post(f"{service.http}/v1/chat/completions", json=body, timeout=PATIENCE)


class Stream:
    """A session over a WebSocket that sees the pictures it is shown."""

    def __init__(self, connection: ClientConnection, id: str) -> None:
        self.connection = connection
        self.id = id
        self.events: list[Fields] = []

    async def show(self, time: float, brightness: int) -> None:
        """Show a picture, and wait until it is remembered."""
        event = {"type": "eyeline.video.append", "image": picture(brightness), "time": time}
        await self.connection.send(json.dumps(event))
        await self.until("eyeline.memory.moment")

    async def until(self, type: str) -> Fields:
        async with asyncio.timeout(PATIENCE):
            while True:
                event: Fields = json.loads(await self.connection.recv())
                self.events.append(event)
                if event["type"] == type:
                    return event


@asynccontextmanager
async def streaming(service: Served) -> AsyncIterator[Stream]:
    async with connect(f"{service.ws}/v1/realtime?eyeline=1") as connection:
        created = json.loads(await connection.recv())
        yield Stream(connection, created["session"]["id"])


async def over(service: Served, id: str) -> None:
    """Return once session `id` has ended."""
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
        while True:
            answer = await client.get(f"{service.http}/sessions/{id}")
            if answer.json()["state"] == "ended":
                return


def test_a_question_about_a_picture_is_answered_whole(client: OpenAI) -> None:
    made = ask(client, shown("what is it?", picture()))
    (choice,) = made.choices
    assert (
        choice.message.content == "[scripted assistant] You asked: what is it? (1 seen, 0 to 0 s)"
    )
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert made.model == "eyeline"
    assert made.id.startswith("chatcmpl-")
    assert made.usage.prompt_tokens == PROMPT_TOKENS
    assert made.usage.completion_tokens == 6
    assert made.usage.total_tokens == PROMPT_TOKENS + 6


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF"])
def test_pictures_of_phones_and_scanners_are_taken(client: OpenAI, kind: str) -> None:
    file = base64.b64encode(image_file(SLOPE, kind)).decode()
    made = ask(client, shown("what is it?", f"data:image/{kind.lower()};base64,{file}"))
    assert "(1 seen, 0 to 0 s)" in made.choices[0].message.content


def test_the_chunks_of_a_stream_join_to_the_whole_answer(client: OpenAI) -> None:
    message = shown("what is it?", picture(), picture(90))
    whole = ask(client, message)
    chunks: list[ChatCompletionChunk] = list(
        ask(client, message, stream=True, stream_options={"include_usage": True})
    )
    received = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
    assert "".join(received) == whole.choices[0].message.content
    assert len([piece for piece in received if piece]) > 3
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(received) - 1) + [
        "stop"
    ]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * len(received)


def test_a_stream_ends_with_the_mark_that_clients_wait_for(service: Served) -> None:
    answer = posted(service, messages=[shown("hm", picture())], stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("\n\ndata: [DONE]\n\n")
    assert "usage" not in answer.text


def test_the_last_message_is_the_question_and_earlier_pictures_count(client: OpenAI) -> None:
    made = ask(
        client,
        {"role": "system", "content": "Be brief."},
        shown("what is it?", picture()),
        {"role": "assistant", "content": "A cup."},
        shown("and this?", picture(90)),
        {"role": "assistant", "content": "A book."},
        {"role": "user", "content": "which came first?"},
        {"role": "assistant", "content": "Well:"},
    )
    assert made.choices[0].message.content == (
        "[scripted assistant] You asked: which came first? (2 seen, 0 to 1 s)"
    )


def test_a_picture_without_a_word_is_asked_about(client: OpenAI) -> None:
    content = ask(client, shown("", picture())).choices[0].message.content
    assert "What is in the picture?" in content


def test_without_an_image_the_answer_asks_for_one(client: OpenAI) -> None:
    made = ask(client, {"role": "user", "content": "hello?"})
    assert made.choices[0].message.content == NO_INPUT
    assert made.usage.total_tokens == 0
    assert not made.choices[0].message.model_extra


def test_options_that_cannot_change_an_answer_are_accepted(client: OpenAI) -> None:
    made = ask(
        client,
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "tool", "tool_call_id": "x", "content": "42"},
        shown("hm", picture()),
        temperature=0.2,
        top_p=0.5,
        seed=1,
        stop=["x"],
        user="me",
        n=1,
        tools=[TOOL],
        tool_choice="none",
        parallel_tool_calls=True,
        logprobs=True,
        response_format={"type": "text"},
        metadata={"purpose": "test"},
        extra_body={"chat_template_kwargs": {"a": 1}},
    )
    assert "(1 seen" in made.choices[0].message.content


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_may_be_limited(client: OpenAI, name: str) -> None:
    message = shown("what is it?", picture())
    cut = ask(client, message, **{name: 2})
    assert cut.choices[0].message.content == "[scripted assistant] You asked:"
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 2
    assert ask(client, message, **{name: 6}).choices[0].finish_reason == "stop"
    last = list(ask(client, message, stream=True, **{name: 2}))[-1]
    assert last.choices[0].finish_reason == "length"


SEEN = shown("what?", picture())


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "messages", "required"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "hi"}, "messages", "array"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages", "role user"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content", "a question"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "string"),
        ({"messages": [{"role": "pilot", "content": "a"}]}, "messages[0].role", "'user'"),
        (
            {"messages": [shown("a", "https://example.org/a.jpg")]},
            "messages[0].content[0].image_url.url",
            "data:image/jpeg;base64",
        ),
        (
            {"messages": [shown("a", "data:image/png;base64,!!")]},
            "messages[0].content[0].image_url.url",
            "not base64",
        ),
        (
            {"messages": [shown("a", "data:image/png;base64,aGVsbG8=")]},
            "messages[0].content[0].image_url.url",
            "not a readable image",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].image_url",
            "url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0].type",
            "input_audio",
        ),
        ({"messages": [shown("a", *[picture()] * 9)]}, "messages[0].content", "8 images"),
        ({"messages": [SEEN], "n": 2}, "n", "one answer"),
        ({"messages": [SEEN], "max_tokens": 0}, "max_tokens", "greater than"),
        ({"messages": [SEEN], "tool_choice": "required"}, "tool_choice", "calls no functions"),
        ({"messages": [SEEN], "tools": [TOOL]}, "tools", "calls no functions"),
        ({"messages": [SEEN], "tool_choice": "maybe"}, "tool_choice", "'required'"),
        (
            {"messages": [SEEN], "tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
            "calls no functions",
        ),
        (
            {"messages": [SEEN], "response_format": {"type": "json_object"}},
            "response_format",
            "plain text",
        ),
        ({"messages": [SEEN], "modalities": ["text", "audio"]}, "modalities", "speech"),
        ({"messages": [SEEN], "metadata": {"session_id": 3}}, "metadata.session_id", "/sessions"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_by_name(
    service: Served, body: Fields, param: str, message: str
) -> None:
    answer = posted(service, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert message in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", ["", "hello", "[]", "[" * 50_000, "\xff"])
def test_a_body_that_is_no_object_is_refused(service: Served, body: str) -> None:
    url = f"{service.http}/v1/chat/completions"
    answer = httpx.post(url, content=body.encode("latin-1"), timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_body_too_large_is_refused_and_says_what_to_do(client: OpenAI) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    with pytest.raises(openai.APIStatusError, match="EYELINE_MAX_MESSAGE_SIZE") as refused:
        ask(client, shown("what?", url))
    assert refused.value.status_code == 413


def test_a_large_picture_is_scaled_down(client: OpenAI) -> None:
    whole = ask(client, shown("what?", picture(80, size=(3840, 2160), kind="JPEG")))
    assert "(1 seen" in whole.choices[0].message.content


def test_two_thousand_words_are_a_question_like_any_other(client: OpenAI) -> None:
    words = " ".join(["very"] * 2000)
    assert words in ask(client, shown(words, picture())).choices[0].message.content


async def test_a_live_session_is_asked_what_it_saw_and_names_its_moments(
    service: Served, client: OpenAI
) -> None:
    async with streaming(service) as stream:
        for second in range(5):
            await stream.show(second, 20 * second)
        metadata = {"session_id": stream.id}
        question = {"role": "user", "content": "what did you see?"}
        made = ask(client, question, metadata=metadata)
        chunks = list(ask(client, question, metadata=metadata, stream=True))
        address = made.choices[0].message.eyeline["evidence"][0]["image"]
        async with httpx.AsyncClient(base_url=service.http) as http:
            picture_of = await http.get(address)
    message = made.choices[0].message
    assert message.content.endswith("what did you see? (5 seen, 0 to 4 s)")
    evidence = message.eyeline["evidence"]
    assert [(m["number"], m["time"], m["text"]) for m in evidence] == [
        (n, n, f"brightness {20 * n}") for n in (2, 3, 4)
    ]
    assert chunks[0].choices[0].delta.eyeline == {"evidence": evidence, "memory": "running"}
    assert picture_of.headers["content-type"] == "image/jpeg"
    small = np.asarray(Image.open(io.BytesIO(picture_of.content)))
    assert abs(small.mean() - 40) < 3
    assert made.usage.prompt_tokens == PROMPT_TOKENS
    answers = [e for e in stream.events if e["type"].startswith("response.")]
    assert answers == [], "the session's own client hears nothing of it"


async def test_a_live_session_answers_about_a_picture_and_keeps_requests(
    service: Served, client: OpenAI
) -> None:
    async with streaming(service) as stream:
        await stream.show(0, 20)
        metadata = {"session_id": stream.id}
        about = ask(client, shown("and this?", picture()), metadata=metadata)
        assert "(1 seen, 0 to 0 s)" in about.choices[0].message.content
        assert about.choices[0].message.eyeline == {"evidence": []}
        standing = {"role": "user", "content": "tell me when 60"}
        assert ask(client, standing, metadata=metadata).choices[0].message.content == "I will."
        assert (await stream.until("eyeline.requests"))["requests"] == ["tell me when 60"]


async def test_a_session_that_is_over_is_asked_from_its_recording(
    service: Served, client: OpenAI
) -> None:
    async with streaming(service) as stream:
        for second in range(3):
            await stream.show(second, 20 * second)
    await over(service, stream.id)
    question = {"role": "user", "content": "what did you see?"}
    for _ in range(2):
        made = ask(client, question, metadata={"session_id": stream.id})
        assert made.choices[0].message.content.endswith("(3 seen, 0 to 2 s)")
        evidence = made.choices[0].message.eyeline["evidence"]
        assert [moment["time"] for moment in evidence] == [0, 1, 2]
    pictured = ask(client, shown("this?", picture()), metadata={"session_id": stream.id})
    assert "(1 seen" in pictured.choices[0].message.content


@pytest.mark.parametrize("id", ["sess_0123456789abcdef", "../../etc", "sess_../../../../etc/x"])
def test_a_session_that_never_was_is_not_found(client: OpenAI, id: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no session"):
        ask(client, {"role": "user", "content": "what?"}, metadata={"session_id": id})


async def test_a_memory_in_use_and_one_not_kept_are_different_errors(tmp_path: Path) -> None:
    assistant = KeepingAssistant()
    question = {"messages": [{"role": "user", "content": "what?"}]}
    with scripted_models(assistant=assistant) as models:
        with served(Settings(), models) as service:
            async with streaming(service) as stream:
                await stream.show(0, 20)
            await over(service, stream.id)
            gone = posted(service, **question, metadata={"session_id": stream.id})
        kept = tmp_path / "sess_0123456789abcdef" / "memory"
        kept.mkdir(parents=True)
        assistant.used.add(kept)
        with served(Settings(recordings=tmp_path), models) as service:
            used = posted(service, **question, metadata={"session_id": "sess_0123456789abcdef"})
    assert gone.status_code == 410
    assert "EYELINE_RECORDINGS" in gone.json()["detail"]
    assert used.status_code == 409
    assert "in use" in used.json()["detail"]


@pytest.fixture
def thinking() -> Iterator[tuple[Served, ThinkingAssistant]]:
    """A service for two questions at once, which lets none wait and answers when it is released."""
    assistant = ThinkingAssistant()
    with scripted_models(assistant=assistant) as models:
        try:
            with served(Settings(questions=2, waiting=0), models) as service:
                yield service, assistant
        finally:
            assistant.enough.set()


async def started(assistant: ThinkingAssistant) -> None:
    """Return once one more answer is being thought."""
    waiting = Worker("waiting")
    try:
        assert await waiting.run(assistant.started.acquire, timeout=PATIENCE)
    finally:
        waiting.close()


async def free(service: Served) -> bool:
    """Tell whether one more question may be asked: one without a word is refused otherwise."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.post(f"{service.http}/v1/chat/completions", json={})
    assert answer.status_code in (400, 429)
    return answer.status_code == 400


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_client_that_leaves_stops_the_work(
    thinking: tuple[Served, ThinkingAssistant], streamed: bool
) -> None:
    service, assistant = thinking
    body = {"messages": [shown("hm", picture())], "stream": streamed}
    url = f"{service.http}/v1/chat/completions"
    async with httpx.AsyncClient(timeout=PATIENCE) as client, asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(client.post(url, json=body)) for _ in "ab"]
        for _ in asked:
            await started(assistant)
        assert not await free(service)
        for task in asked:
            task.cancel()  # closes its connection
    async with asyncio.timeout(PATIENCE):
        while not await free(service):
            pass


async def test_a_client_that_leaves_stops_a_live_session_s_answer(
    thinking: tuple[Served, ThinkingAssistant],
) -> None:
    service, assistant = thinking
    body = {"messages": [{"role": "user", "content": "what?"}], "stream": True}
    url = f"{service.http}/v1/chat/completions"
    async with streaming(service) as stream, httpx.AsyncClient(timeout=PATIENCE) as client:
        asked = {**body, "metadata": {"session_id": stream.id}}
        for _ in range(2):  # a session answers one after the other: the first was stopped
            async with client.stream("POST", url, json=asked) as answer:
                await anext(answer.aiter_bytes())
                await started(assistant)
        await stream.show(0, 20)


async def test_more_questions_than_may_wait_are_sent_away_until_there_is_room(
    thinking: tuple[Served, ThinkingAssistant],
) -> None:
    service, assistant = thinking
    body = {"messages": [shown("hm", picture())]}
    url = f"{service.http}/v1/chat/completions"
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(client.post(url, json=body)) for _ in "ab"]
            for _ in asked:
                await started(assistant)
            refused = await client.post(url, json=body)
            assistant.enough.set()
        again = await client.post(url, json=body)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert int(refused.headers["retry-after"]) > 0
    assert "EYELINE_WAITING" in refused.json()["detail"]
    assert [task.result().status_code for task in asked] == [200, 200]
    assert again.status_code == 200


@pytest.mark.slow
async def test_a_hundred_questions_at_once_wait_and_are_answered(service: Served) -> None:
    url = f"{service.http}/v1/chat/completions"
    body = {"messages": [shown("hm", picture())]}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(client.post(url, json=body)) for _ in range(100)]
        answers = [task.result() for task in asked]
        assert {answer.status_code for answer in answers} == {200}
        assert all("(1 seen" in a.json()["choices"][0]["message"]["content"] for a in answers)
        assert (await client.get(f"{service.http}/health")).json()["status"] == "ok"


async def test_a_session_that_ends_meanwhile_says_so(
    thinking: tuple[Served, ThinkingAssistant],
) -> None:
    service, assistant = thinking
    client = AsyncOpenAI(api_key="any", base_url=f"{service.http}/v1", max_retries=0)
    messages: Any = [{"role": "user", "content": "what?"}]
    async with streaming(service) as stream, client:
        answer = await client.chat.completions.create(
            model="x", messages=messages, stream=True, metadata={"session_id": stream.id}
        )
        await started(assistant)
        await stream.connection.close()
        with pytest.raises(openai.APIError, match="ended before the answer"):
            async for _ in answer:
                pass


async def test_the_service_ends_though_it_thinks_and_the_stream_says_so() -> None:
    assistant = ThinkingAssistant()
    body = {"messages": [shown("hm", picture())], "stream": True}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        with scripted_models(assistant=assistant) as models, served(Settings(), models) as service:
            url = f"{service.http}/v1/chat/completions"
            request = client.build_request("POST", url, json=body)
            answer = await client.send(request, stream=True)
            await started(assistant)
        received = (await answer.aread()).decode()
    assert '"code": "answer_cut_off"' in received
