"""Servers that do not keep to the protocol: by mistake, or with bad intentions."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from media.dialogue import CalledFunction, Dialogue, DialogueTurn, FunctionCall, FunctionTool
from media.events.answers import Answer
from media.pipeline.outside.answerer import MAX_ROUNDS
from media.pipeline.outside.completion import MAX_EVENT, MAX_EVENTS_PER_TOKEN
from tests.media.pipeline.outside.scripted_endpoint import (
    STREAM_HEAD,
    Reply,
    calls,
    event,
    fails,
    outside,
    says,
    scripted_endpoint,
    sends,
    waits,
)
from tests.media.pipeline.outside.test_answerer import QUESTION, SEEN, last, notices, run, text
from tests.media.pipeline.scripted_assistant import MARK

Fields = dict[str, Any]
DONE = b"data: [DONE]\n\n"
END = event({}, "stop")
SUM = FunctionTool("sum", "Sums.")
ADDING = replace(QUESTION, dialogue=Dialogue(tools=(SUM,)))


def whole(body: bytes, *headers: str) -> Reply:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return sends("\r\n".join(lines).encode() + body)


def streamed(*events: bytes) -> Reply:
    return sends(STREAM_HEAD + b"".join(events))


def raw(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


BOMB = gzip.compress(b"data: " + bytes(1 << 24))
FAULTS: dict[str, tuple[Reply, str]] = {
    "no choices": (whole(b'{"id": "x"}'), "not a chat completion"),
    "an empty list of choices": (whole(b'{"choices": []}'), "not a chat completion"),
    "an array": (whole(b"[1, 2]"), "not a chat completion"),
    "an empty body": (whole(b""), "not a chat completion"),
    "a long body": (whole(b"<" * (MAX_EVENT + 9)), "not a chat completion"),
    "half of a character": (streamed(b'data: {"a": "\xc3"}\n\n'), "not a chat completion"),
    "deep JSON": (streamed(b"data: " + b"[" * 100_000 + b"\n\n"), "not a chat completion"),
    "infinity": (streamed(raw(usage={"prompt_tokens": float("inf")})), "not a chat completion"),
    "no text in a part": (
        streamed(event({"content": [{"type": "text"}]})),
        "not a chat completion",
    ),
    "calls that are none": (streamed(event({"tool_calls": {"a": 1}})), "not a chat completion"),
    "an endless line": (streamed(b"data: " + b"x" * (MAX_EVENT + 9)), "not a chat completion"),
    "gzip": (sends(STREAM_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n" + BOMB), "compresses"),
    "nothing": (streamed(DONE), "big wrote nothing"),
    "reasoning only": (streamed(event({"reasoning": "Hm"}, "length"), DONE), "within 512 tokens"),
    "white noise": (streamed(*[event({})] * (MAX_EVENTS_PER_TOKEN * 512 + 1)), "does not stop"),
    "another place": (fails(308, b"", ["Location: https://b.example/v1"]), "https://b.example/v1"),
    "an error of 1 MB": (fails(418, b"x" * (1 << 20)), "refuses the question (HTTP 418: xxx"),
    "a half error": (fails(418, b'{"error": {"message": "\\ud800"}}'), "HTTP 418: ?"),
    "no status": (sends(b"HTTP/1.1 OK\r\n\r\n"), "the connection to big broke"),
    "a slow body": (waits(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "did not begin"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_user_is_told_and_the_packaged_model_answers(fault: str) -> None:
    reply, reason = FAULTS[fault]
    async with scripted_endpoint(reply) as endpoint:
        wait = 0.1 if fault == "a slow body" else 60.0
        out = await run(outside(endpoint.url, first_wait=wait), before=())
    (notice,) = notices(out)
    assert reason in notice
    assert len(notice) < 600
    assert text(out).startswith(MARK)
    assert last(out).status == "completed"


ODD: dict[str, tuple[Reply, str]] = {
    "text in parts": (
        streamed(event({"content": [{"type": "text", "text": "A "}, {"type": "think"}]}), END),
        "A ",
    ),
    "a refusal": (streamed(event({"content": None, "refusal": "No."}), END), "No."),
    "half of an emoji": (streamed(event({"content": "\ud83d"}), END), "?"),
    "comments and empty data": (
        streamed(b": hello\n\ndata:\n\n", event({"content": "A"}), b"id: 3\n", END),
        "A",
    ),
    "no end of the last line": (streamed(event({"content": "A"}), END.rstrip()), "A"),
    "another case of its type": (
        sends(
            b"HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\n\r\n"
            + event({"content": "A"})
            + DONE
        ),
        "A",
    ),
    "it stays open after the end": (waits(STREAM_HEAD + event({"content": "A"}, "stop")), "A"),
    "it breaks after the end": (
        sends(STREAM_HEAD[:-2] + b"Content-Length: 9999\r\n\r\n" + event({"content": "A"}, "stop")),
        "A",
    ),
}


@pytest.mark.parametrize("name", ODD)
async def test_what_can_be_understood_is_taken(name: str) -> None:
    reply, said = ODD[name]
    async with scripted_endpoint(reply) as endpoint:
        out = await run(outside(endpoint.url, next_wait=0.2), before=())
    assert (text(out), notices(out), last(out).status) == (said, [], "completed")


async def test_an_answer_that_does_not_stop_is_cut_off() -> None:
    async with scripted_endpoint(says("abc", "defg", "h")) as endpoint:
        out = await run(outside(endpoint.url, max_text=5), before=())
    assert (text(out), last(out).status) == ("abcde", "completed")
    (notice,) = notices(out)
    assert "EYELINE_ANSWERS_LENGTH" in notice


async def test_a_fault_that_may_pass_costs_the_pictures_of_one_question_only() -> None:
    replies = [fails(502, b"bad gateway"), says("notes"), says("again")]
    async with scripted_endpoint(*replies) as endpoint:
        out = await run(outside(endpoint.url), QUESTION, replace(QUESTION, id="r"), before=SEEN)
    kinds = [type(request["messages"][-1]["content"]) for request in endpoint.requests]
    assert kinds == [list, str, list]
    (notice,) = notices(out)
    assert "did not take the pictures this time" in notice


@pytest.mark.parametrize("after", ["nan", "-3", "0", "Wed, 21 Oct 2015 07:28:00 GMT, tomorrow"])
async def test_an_odd_time_to_come_again_is_soon(after: str) -> None:
    busy = fails(429, b"", [f"Retry-After: {after}"])
    async with scripted_endpoint(busy, says("yes")) as endpoint:
        out = await run(outside(endpoint.url), before=())
    assert text(out) == "yes"


def called(out: list[Any]) -> list[FunctionCall]:
    return [each.call for each in out if isinstance(each, CalledFunction)]


def piece(**call: Any) -> bytes:
    return event({"tool_calls": [call]})


async def test_calls_get_ids_of_their_own() -> None:
    used = FunctionCall("c1", "sum", "{}")
    before = (DialogueTurn("user", "Sum."), DialogueTurn("assistant", "", (used,)))
    asked = replace(QUESTION, dialogue=Dialogue(tools=(SUM,), before=before))
    made = calls(("c1", "sum", "{}"), ("c2", "sum", "{}"), ("c2", "sum", "[]"), ("", "sum", "1"))
    async with scripted_endpoint(made) as endpoint:
        found = called(await run(outside(endpoint.url), asked, before=()))
    assert [call.arguments for call in found] == ["{}", "{}", "[]", "1"]
    assert len({"c1", *(call.id for call in found)}) == 5
    assert found[1].id == "c2"


async def test_whole_calls_with_the_same_number_are_several() -> None:
    events = [
        piece(index=0, id="a", function={"name": "sum", "arguments": {"x": 1}}),
        piece(index=0, id="b", function={"name": "sum", "arguments": '{"x": 2}'}),
        piece(id="b", function={"arguments": " "}),
    ]
    async with scripted_endpoint(streamed(*events, END)) as endpoint:
        found = called(await run(outside(endpoint.url), ADDING, before=()))
    assert [(call.id, call.arguments) for call in found] == [("a", '{"x": 1}'), ("b", '{"x": 2} ')]


async def test_a_function_that_does_not_exist_is_answered_to_the_model() -> None:
    made = calls(("c1", "product", "{}"), text="Hm.")
    async with scripted_endpoint(made, says("No.")) as endpoint:
        out = await run(outside(endpoint.url), ADDING, before=())
    assert (text(out), called(out)) == ("Hm. No.", [])
    assert endpoint.messages[-1]["content"] == "There is no function 'product'."


async def test_a_model_that_calls_nothing_but_such_functions_fails() -> None:
    async with scripted_endpoint(calls(("c1", "product", "{}"))) as endpoint:
        out = await run(outside(endpoint.url), before=())
    assert len(endpoint.requests) == MAX_ROUNDS + 1
    (notice,) = notices(out)
    assert "wrote nothing" in notice


async def test_arguments_that_are_no_object_do_not_come_back_to_the_server() -> None:
    broken = FunctionCall("c1", "sum", '{"a": ')
    since = (DialogueTurn("assistant", "", (broken,)), DialogueTurn("tool", "what?", call_id="c1"))
    asked = replace(QUESTION, dialogue=Dialogue(tools=(SUM,), since=since))
    async with scripted_endpoint(says("Sorry.")) as endpoint:
        await run(outside(endpoint.url), asked, before=())
    (call,) = endpoint.messages[-2]["tool_calls"]
    assert call["function"]["arguments"] == "{}"


async def test_a_fault_of_one_question_does_not_reach_the_next() -> None:
    async with scripted_endpoint(FAULTS["deep JSON"][0], says("yes")) as endpoint:
        out = await run(outside(endpoint.url), QUESTION, replace(QUESTION, id="r"), before=())
    assert [text(out, "r")] == ["yes"]
    assert [each.status for each in out if isinstance(each, Answer)][-1] == "completed"
